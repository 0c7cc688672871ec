"""Documentation blocks run in order, in one namespace, with warnings as errors, and report the Markdown line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import blocks

PAGE = """# Title

```python
x = 1
```

Text, and a block of another language:

```bash
exit 1
```

  ~~~py
  assert x == 1
  ~~~

````text
```python
raise SystemExit("inside a longer fence")
```
````
"""


def test_python_blocks_are_found_with_their_lines() -> None:
    assert blocks.blocks(PAGE) == [(4, "x = 1\n"), (14, "assert x == 1\n")]


def test_an_unclosed_fence_is_an_error() -> None:
    with pytest.raises(ValueError, match="line 2: the fence is never closed"):
        blocks.blocks("text\n```python\nx = 1\n")


def test_blocks_share_a_namespace(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert blocks.main([str(page)]) == 0


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import warnings\nwarnings.warn('old')", "UserWarning: old"),
        ("import workspace", "ModuleNotFoundError"),
        ("raise SystemExit(3)", "FAILED"),
    ],
)
def test_a_failing_block_fails_and_shows_why(
    code: str, shown: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"intro\n\n```python\n{code}\n```\n")
    assert blocks.main([str(page)]) == 1
    printed = capfd.readouterr().out
    assert shown in printed
    if "Error" in shown:
        assert 'page.md", line 4' in printed
