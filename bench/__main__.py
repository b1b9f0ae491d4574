"""`python -m bench`: measure the system on this machine, all in one run, on the embedded transport or on Kafka.

Start to ready; the empty deciders; the real services at full load, at half of it, and in bursts; the same
with a million stored cases (not on Kafka); with every case traced and with none; the empty deciders again, so that
a machine that grew slower shows. Ends with status 1 when a case was lost, doubled or refused, never for a slow
figure.
"""

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

import asyncpg
import click
from rich.console import Console

from bench import processes
from bench.cases import ROOT, messages_file
from bench.figures import burst_steps
from bench.measure import Phase, run_phase
from bench.report import Report, show, write
from bench.stored import store
from bench.system import KAFKA, LOGS, POSTGRESQL, Running, Site, Transport, site

_OPEN_CONNECTIONS = 256
"""Connections of an open loop: more than can be busy at half load."""
_WARM_UP_S = 3.0


@dataclass(frozen=True, slots=True)
class Options:
    """How long and how much."""

    seconds: float
    connections: int
    stored: int
    step: float
    messages: Path
    only: str | None
    transport: Transport
    trace_ratio: float


class Bench:
    """The phases in their order."""

    def __init__(self, options: Options, console: Console, report: Report) -> None:
        self._options = options
        self._console = console
        self._report = report

    async def run(self, here: Site, started: float) -> None:
        """Everything."""
        await here.prepare()
        async with here.real():
            self._report.ready_seconds = time.monotonic() - started
        self._say(f"start to ready: {self._report.ready_seconds:.1f} s, from an empty directory")
        self._report.postgresql = await _version(here.local.databases()["router"])
        only, ratio = self._options.only, self._options.trace_ratio
        if only in {None, "empty"}:
            await self._with(here.empty(), lambda running: self._full(running, "empty before"))
        if only in {None, "real"}:
            await self._with(here.real(), self._real)
        if only in {None, "traced"} and ratio:
            await self._with(here.real(), lambda running: self._full(running, "untraced before"))
            await self._with(here.real(ratio), lambda running: self._traced(here, running))
            await self._with(here.real(), lambda running: self._full(running, "untraced after"))
        if self._options.only is None:
            await self._with(here.empty(), lambda running: self._full(running, "empty after"))

    async def _with(
        self, system: AbstractAsyncContextManager[Running], work: Callable[[Running], Awaitable[None]]
    ) -> None:
        async with system as running:
            try:
                await self._phase(running, "warm-up", seconds=_WARM_UP_S, is_kept=False)
                await work(running)
                self._report.postgresql_mb = processes.proportional_mb(running.pids[POSTGRESQL])
                if KAFKA in running.pids:
                    self._report.kafka_mb = processes.proportional_mb(running.pids[KAFKA])
            finally:
                self._report.incidents += running.incidents

    async def _full(self, running: Running, name: str) -> None:
        await self._phase(running, name, seconds=self._options.seconds / 2)

    async def _traced(self, here: Site, running: Running) -> None:
        before = here.spans()
        await self._full(running, "traced")
        self._report.spans = (
            here.spans() - before
        )  # but for those of the last moments, which are on their way

    async def _real(self, running: Running) -> None:
        options = self._options
        full = await self._phase(running, "real", seconds=options.seconds)
        half = [(full.throughput / 2, options.seconds)]
        await self._phase(running, "latency", steps=half)
        await self._phase(running, "burst", steps=burst_steps(options.step))
        if not options.stored:
            return
        self._say(f"storing {options.stored} cases")
        self._report.store_seconds = await store(running.databases[0], options.stored)
        self._report.stored_cases = options.stored
        self._say(f"stored in {self._report.store_seconds:.0f} s")
        await self._phase(running, "real, stored", seconds=options.seconds)
        await self._phase(running, "latency, stored", steps=half)

    async def _phase(
        self,
        running: Running,
        name: str,
        *,
        seconds: float = 0.0,
        steps: list[tuple[float, float]] | None = None,
        is_kept: bool = True,
    ) -> Phase:
        phase = await run_phase(
            running,
            name,
            self._options.messages,
            connections=_OPEN_CONNECTIONS if steps else self._options.connections,
            seconds=seconds,
            steps=steps,
        )
        if is_kept or not phase.is_sound:
            self._report.phases[name] = phase
        self._tell(running, phase)
        if not phase.account.completed:
            raise click.ClickException(f"nothing was completed; the logs are in {LOGS.relative_to(ROOT)}")
        return phase

    def _tell(self, running: Running, phase: Phase) -> None:
        found, latency = phase.account, phase.latency
        self._say(
            f"{running.name}: {phase.name}: {found.completed} of {phase.sent} complete, "
            f"{phase.throughput:.0f}/s, p50 {latency.p50 if latency else '-'} ms, "
            f"p99 {latency.p99 if latency else '-'} ms"
        )
        if not phase.is_sound:
            self._console.print(
                f"[red]lost {found.lost}, doubled {found.doubled}, unanswered {found.unanswered}, "
                f"failures {dict(phase.failures)} {phase.sample}"
            )

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False)


async def _version(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()


@click.command()
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(1, 3600), help="Per phase.")
@click.option(
    "--connections", default=256, show_default=True, type=click.IntRange(1, 1024), help="At full load."
)
@click.option(
    "--stored", default=1_000_000, show_default=True, type=click.IntRange(0, 100_000_000), help="Cases."
)
@click.option(
    "--step", default=10.0, show_default=True, type=click.FloatRange(1, 600), help="Seconds per burst step."
)
@click.option(
    "--messages", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Texts to send."
)
@click.option("--only", type=click.Choice(["empty", "real", "traced"]), help="For development: one part.")
@click.option(
    "--transport",
    type=click.Choice(["embedded", "kafka"]),
    default="embedded",
    show_default=True,
    help="On kafka a broker is started for the run; no cases are stored beforehand.",
)
@click.option(
    "--trace-ratio",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Share of cases traced in the phase `traced`; 0 leaves it out.",
)
@click.option(
    "--quick", is_flag=True, help="About a minute, everything smaller: --seconds 6 --stored 20000 --step 1."
)
@click.option(
    "--profile", is_flag=True, help="Services under cProfile, written to .run/profile: figures mean nothing."
)
def main(
    seconds: float,
    connections: int,
    stored: int,
    step: float,
    messages: Path | None,
    only: str | None,
    quick: bool,
    profile: bool,
    transport: Transport,
    trace_ratio: float,
) -> None:
    """Measure the system: throughput, latency, cost and memory, beside the same chassis without logic."""
    if quick:
        seconds, stored, step = min(seconds, 6.0), min(stored, 20_000), min(step, 1.0)
    if transport == "kafka":
        stored = 0
    options = Options(
        seconds, connections, stored, step, messages or messages_file(), only, transport, trace_ratio
    )
    console = Console(width=None if sys.stdout.isatty() else 130)
    report = Report(options={**asdict(options), "messages": options.messages.name})
    signal.signal(signal.SIGTERM, _interrupt)
    profiles = ROOT / ".run" / "profile" if profile else None
    if profiles is not None:
        profiles.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with site(transport, profiles) as here:
        asyncio.run(Bench(options, console, report).run(here, started))
    show(report, console)
    console.print(f"written to {write(report, datetime.now(UTC)).relative_to(ROOT)}")
    sys.exit(0 if report.is_sound else 1)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
