"""What the Kafka client writes to its log does not reach the terminal."""

import subprocess
import sys

_SCRIPT = """
import logging
from services.cli.local import hush_client
{}
logging.getLogger("aiokafka.client").error("raw")
"""


def written(line: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(line)], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stderr


def test_the_clients_own_lines_are_not_shown() -> None:
    assert "raw" in written("")
    assert written("hush_client()") == ""
