"""`up`: the whole system on this machine: PostgreSQL, database, jurisdiction, services; Ctrl-C stops all."""

import asyncio
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

import click

from chassis.embedded import EmbeddedPostgres, EmbeddedPostgresError
from services.cli.local import PORT_OFFSETS, LocalRun, Run, local_options
from services.cli.migrate import upgrade_all
from services.cli.policy import findings
from services.cli.supervisor import Child, ChildNotReadyError, Restart, Supervisor

# What is printed as demo log-ins: who, the role, the unit (Gulou's codes), the subject.
DEMO = (
    ("hotline operator", "operator", "GL", "operator-1"),
    ("handler of a community", "handler", "GL0101", "handler-1"),
    ("mediator of a community", "mediator", "GL0101", "mediator-1"),
    ("supervisor of the district", "supervisor", "GL", "supervisor-1"),
    ("resident", "resident", None, "resident-1"),
)
DEMO_LIFETIME = timedelta(hours=1)
DATABASE_RESTART: Final = Restart()
"""Of a database that ends by itself again; the first time it is started at once."""


@click.command()
@click.option(
    "--transport",
    type=click.Choice(["embedded", "kafka"]),
    default="embedded",
    show_default=True,
    envvar="CASELADDER_TRANSPORT",
    help="How events travel: all services share one log, or each has its own and Kafka carries them.",
)
@click.option(
    "--kafka",
    default="127.0.0.1:9092",
    show_default=True,
    envvar="CASELADDER_KAFKA_BOOTSTRAP",
    help="The broker, for --transport kafka (`make kafka` starts one).",
)
@local_options
def up(transport: str, kafka: str, run_dir: Path, port_base: int) -> None:
    """Run PostgreSQL and all services, print their addresses and demo log-ins; Ctrl-C stops all cleanly.

    Data, secrets and logs are kept in the run directory and found again at the next start. The two transports
    have databases, and so cases, of their own: a run directory stays with the one that it began with.
    """
    signal.signal(signal.SIGTERM, _interrupt)  # until the services run; then both signals stop them in order
    local = LocalRun(run_dir, port_base)
    with local.claimed():
        local.check_transport(transport)
        local.check_ports()
        local.prepare()
        check_reference(local.reference)
        try:
            _say("starting PostgreSQL")
            with EmbeddedPostgres(run_dir / "postgres", local.password()) as server:
                asyncio.run(prepare(local, server, kafka if transport == "kafka" else None))
                reason = asyncio.run(_serve(local, server))
                _say("stopping PostgreSQL")
        except EmbeddedPostgresError as error:
            raise click.ClickException(str(error)) from None
    if reason:
        raise click.ClickException(reason)
    _say(f"stopped; the data are kept in {run_dir}")


def check_reference(path: Path) -> None:
    """Refuse, with every problem's file and line, when the jurisdiction does not validate."""
    problems = findings(path)
    if problems:
        raise click.ClickException(
            f"the jurisdiction in {path} is not in order:\n" + "\n".join(map(str, problems))
        )


async def prepare(local: LocalRun, server: EmbeddedPostgres, kafka: str | None) -> None:
    """Create what is missing of databases, tables and topics, and note for the other commands how this runs.

    Raises click.ClickException where the broker does not answer.
    """
    databases = {name: "caseladder" if kafka is None else f"caseladder_{name}" for name in PORT_OFFSETS}
    run = Run({name: await server.create_database(database) for name, database in databases.items()}, kafka)
    await upgrade_all(run.databases, relayed=kafka is not None)
    if kafka is not None:
        _say(f"making sure of the topics on {kafka}")
        # imported here: an embedded run has no use for a Kafka client
        from services.cli.topics import apply_topics  # noqa: PLC0415

        await apply_topics(local, _say, run=run)
    local.remember(run)  # last: a broker that was not there must not bind the run directory to Kafka


async def _serve(local: LocalRun, server: EmbeddedPostgres) -> str | None:
    """Run the services until a signal, or until the database cannot be kept; return the reason of that."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[str | None] = loop.create_future()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _settle, ended, None)
    supervisor = Supervisor([_child(local, name) for name in PORT_OFFSETS], local.log_dir, _say)
    _say("starting " + ", ".join(PORT_OFFSETS))
    starting = asyncio.create_task(supervisor.start())
    keeping = asyncio.create_task(_keep_database(server))
    ends: set[asyncio.Future[Any]] = {ended, keeping}
    try:
        await asyncio.wait({starting, *ends}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            _announce(local)
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        return await (ended if ended.done() else keeping)
    except ChildNotReadyError as error:
        return str(error)
    finally:
        starting.cancel()
        keeping.cancel()
        _say("stopping " + ", ".join(PORT_OFFSETS))
        await supervisor.stop()


async def _keep_database(server: EmbeddedPostgres) -> str:
    """Start the database again whenever it ends by itself, after growing pauses; return why it does not come up.

    Starting blocks: the server ends with the thread that started it, so that must be this one.
    """
    failures = 0
    while True:
        started = time.monotonic()
        await _end_of(server.pid or 0)
        failures = 1 if time.monotonic() - started > DATABASE_RESTART.steady else failures + 1
        pause = DATABASE_RESTART.delay(failures - 1) if failures > 1 else 0.0
        _say(f"PostgreSQL ended by itself; starting it again in {pause:g} s (see {server.log_path})")
        await asyncio.sleep(pause)
        try:
            server.restart()
        except EmbeddedPostgresError as error:
            return str(error)
        _say("PostgreSQL was started again")


async def _end_of(pid: int) -> None:
    """Wait until a process has ended."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    handle = os.pidfd_open(pid)
    loop.add_reader(handle, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


def _child(local: LocalRun, name: str) -> Child:
    argv = [sys.executable, "-m", "services", name]
    argv += ["--run-dir", str(local.run_dir), "--port-base", str(local.port_base)]
    return Child(name, argv, os.environ | local.variables(name), local.base_url(name) + "/readyz")


def _announce(local: LocalRun) -> None:
    lines = ["", "Caseladder is ready.", ""]
    lines += [
        f"  {name:8} {local.base_url(name)}   (try /docs, /openapi.json, /metrics)" for name in PORT_OFFSETS
    ]
    lines += [f"  messages {local.base_url('notify')}/caught   (what residents were told; role ops)"]
    lines += [f"  data     {local.run_dir}   (logs in {local.log_dir})", ""]
    lines += ["Demo log-ins. A command that issues a token, and a token that is valid for one hour:", ""]
    for who, role, unit, subject in DEMO:
        lines += [f"  {who}", f"    {_token_command(local, role, unit, subject)}"]
        lines += [f"    {_demo_token(local, role, unit, subject)}", ""]
    _say("\n".join([*lines, "Ctrl-C stops everything."]))


def _token_command(local: LocalRun, role: str, unit: str | None, subject: str) -> str:
    words = [".venv/bin/python -m services token", f"--role {role}"]
    words += [f"--unit {unit}"] if unit else []
    words += [f"--subject {subject}"]
    words += [f"--run-dir {local.run_dir}"] if local.run_dir != Path(".run") else []
    return " ".join(words)


def _demo_token(local: LocalRun, role: str, unit: str | None, subject: str) -> str:
    return local.issuer().issue(subject, [role], datetime.now(UTC), unit=unit, lifetime=DEMO_LIFETIME)


def _settle(ended: "asyncio.Future[str | None]", reason: str | None) -> None:
    if not ended.done():
        ended.set_result(reason)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    click.echo(text)
