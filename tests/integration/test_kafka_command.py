"""`python -m services kafka`: starts, says how to use it, stops in order, says when Kafka ended by itself."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chassis.embedded_host import free_port
from chassis.kafka.local_host import answers
from tests.conftest import NewKafka


def command(run_dir: Path, port: int) -> list[str]:
    """The words that run it."""
    return [sys.executable, "-m", "services", "kafka", "--run-dir", str(run_dir), "--port", str(port)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal(tmp_path: Path, new_kafka: NewKafka, number: int) -> None:
    """It prints the address and the commands to use it with; a signal stops the broker before the command."""
    port = free_port()
    with subprocess.Popen(command(tmp_path / "run", port), stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        said = [line for line in iter(running.stdout.readline, "Ctrl-C stops Kafka.\n") if line]
        assert answers(f"127.0.0.1:{port}")
        running.send_signal(number)
        rest, _ = running.communicate(timeout=60)
    assert running.returncode == 0
    assert rest.splitlines()[-1] == f"stopped; the data are kept in {tmp_path / 'run/kafka'}"
    assert not answers(f"127.0.0.1:{port}")
    lines = [line.strip() for line in said]
    assert f"bootstrap  127.0.0.1:{port}" in lines
    assert f"make up TRANSPORT=kafka KAFKA_PORT={port} RUN_DIR={tmp_path / 'run'}" in lines
    assert f"kcat -b 127.0.0.1:{port} -C -t case.events" in lines
    assert (tmp_path / "run").stat().st_mode & 0o077 == 0


def test_a_broker_that_ends_by_itself_is_a_failure(tmp_path: Path, new_kafka: NewKafka) -> None:
    port = free_port()
    words = command(tmp_path, port)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert "Ctrl-C stops Kafka.\n" in iter(running.stdout.readline, "")
        os.kill(int((tmp_path / "kafka/kafka.pid").read_text()), signal.SIGKILL)
        _, error = running.communicate(timeout=60)
    assert running.returncode == 1
    assert error == f"Error: Kafka ended by itself (status -9); see {tmp_path / 'kafka.log'}\n"
