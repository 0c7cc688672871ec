"""`python -m lamella.interfaces`: what is installed, what was discovered, and who shadows the namespace."""

from __future__ import annotations

import sys
from importlib.metadata import distributions, entry_points

import lamella

from ._discover import _TABLE, first_party


def main() -> int:
    """Print the report; exit status 1 when something makes `lamella` an ordinary package, which hides the layers."""
    print(f"python {sys.version.split()[0]} on {sys.platform}")
    shadows = []
    for dist in sorted(distributions(), key=lambda d: d.name or ""):
        name = dist.name or "?"
        if name == "lamella" or name.startswith("lamella-"):
            print(f"{name} {dist.version}")
        if any(str(f) == "lamella/__init__.py" for f in dist.files or ()):
            shadows.append(f"{name} ships lamella/__init__.py; uninstall it")
    file: str | None = vars(lamella).get("__file__")
    if file is not None and not shadows:
        shadows.append(f"{file} is imported as lamella; move it or take its folder off the path")
    for kind in sorted(_TABLE):
        others = [f"{e.name} = {e.value}" for e in sorted(entry_points(group=f"lamella.{kind}"), key=lambda e: e.name)]
        print(f"{kind}: {', '.join([*first_party(kind), *others]) or 'none'}")
    for shadow in shadows:
        print(f"SHADOWED: {shadow}; it hides the other layers")
    return 1 if shadows else 0


if __name__ == "__main__":
    raise SystemExit(main())
