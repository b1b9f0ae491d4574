"""`kafka`: an Apache Kafka on this machine, without Docker, for `up` on the Kafka transport; Ctrl-C stops it."""

import signal
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from chassis.kafka.jars import KAFKA_VERSION
from chassis.kafka.local_broker import LocalKafka, LocalKafkaError
from services.cli.local import run_dir_option

DEFAULT_PORT = 9092


@click.command()
@click.option(
    "--port",
    default=DEFAULT_PORT,
    show_default=True,
    type=click.IntRange(1, 65535),
    envvar="CASELADDER_KAFKA_PORT",
    help="The broker's port on 127.0.0.1.",
)
@run_dir_option
def kafka(port: int, run_dir: Path) -> None:
    """Fetch Apache Kafka through Maven (once), run one broker on 127.0.0.1, print how to use it.

    It needs Java 17 and Maven. The data are kept in the run directory and found again at the next start.
    """
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # also where a script's `&` had SIGINT ignored
        signal.signal(number, _interrupt)
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    broker = LocalKafka(run_dir / "kafka", port=port)
    try:
        if not broker.jars.exists():
            click.echo(f"fetching Apache Kafka {KAFKA_VERSION} through Maven, once (about 45 MB)")
        click.echo("starting Kafka")
        with broker:
            status = _serve(broker, run_dir)
            click.echo("stopping Kafka")
    except LocalKafkaError as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:  # while it was being fetched or started
        raise click.Abort from None
    if status is not None:
        raise click.ClickException(f"Kafka ended by itself (status {status}); see {broker.log_path}")
    click.echo(f"stopped; the data are kept in {broker.data_dir}")


def _serve(broker: LocalKafka, run_dir: Path) -> int | None:
    """Say how to use it; block until a signal (None) or the end of the broker (its exit status)."""
    try:
        click.echo(_how_to_use(broker, run_dir))
        return broker.wait()
    except KeyboardInterrupt:
        return None


def _how_to_use(broker: LocalKafka, run_dir: Path) -> str:
    port = broker.bootstrap.rpartition(":")[2]
    up = ["make up TRANSPORT=kafka"]
    up += [f"KAFKA_PORT={port}"] if port != str(DEFAULT_PORT) else []
    up += [f"RUN_DIR={run_dir}"] if run_dir != Path(".run") else []
    tool, server = (
        f"java -cp '{broker.jars}/*' org.apache.kafka.tools",
        f"--bootstrap-server {broker.bootstrap}",
    )
    lines = ["", f"Apache Kafka {KAFKA_VERSION} is ready.", ""]
    lines += [f"  bootstrap  {broker.bootstrap}"]
    lines += [f"  data       {broker.data_dir}", f"  log        {broker.log_path}", ""]
    lines += ["Run Caseladder on it, in another terminal:", "", f"  {' '.join(up)}", ""]
    lines += ["Read a topic, with kcat or with Kafka's own consumer; list the topics:", ""]
    lines += [f"  kcat -b {broker.bootstrap} -C -t case.events"]
    lines += [f"  {tool}.consumer.ConsoleConsumer {server} --topic case.events --from-beginning"]
    lines += [f"  {tool}.TopicCommand {server} --list", ""]
    return "\n".join([*lines, "Ctrl-C stops Kafka."])


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
