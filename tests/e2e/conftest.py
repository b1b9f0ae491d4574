"""One running system for the tests that only use it; tests that kill things start their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.system import System


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system that many tests share."""
    running = System(tmp_path_factory.mktemp("system"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def own_system(tmp_path: Path) -> Iterator[System]:
    """A system of this test alone, to be killed in part or stopped and started."""
    running = System(tmp_path / "run")
    running.start()
    yield running
    running.stop()
