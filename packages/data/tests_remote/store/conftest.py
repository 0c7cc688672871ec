"""An S3-compatible server on loopback for the session, and relays before it that write down, cut and delay."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from object_store import Store


@pytest.fixture(scope="session")
def store() -> Iterator[Store]:
    with Store() as started:
        yield started
