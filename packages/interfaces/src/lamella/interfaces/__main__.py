"""`python -m lamella.interfaces`: what is installed, what was discovered, and who shadows the namespace."""

from __future__ import annotations

import sys
from importlib.metadata import distributions

from ._discover import _TABLE, first_party


def main() -> int:
    """Print the report; exit status 1 when a foreign distribution ships `lamella/__init__.py`."""
    print(f"python {sys.version.split()[0]} on {sys.platform}")
    shadows = []
    for dist in sorted(distributions(), key=lambda d: d.name or ""):
        name = dist.name or "?"
        if name == "lamella" or name.startswith("lamella-"):
            print(f"{name} {dist.version}")
        if any(str(f) == "lamella/__init__.py" for f in dist.files or ()):
            shadows.append(name)
    for kind in sorted(_TABLE):
        print(f"{kind}: {', '.join(first_party(kind)) or 'none'}")
    for name in shadows:
        print(f"SHADOWED: {name} ships lamella/__init__.py and hides the other layers; uninstall it")
    return 1 if shadows else 0


if __name__ == "__main__":
    raise SystemExit(main())
