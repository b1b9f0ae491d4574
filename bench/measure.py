"""One phase: load on a running system, and afterwards, straight from the tables, what became of every case.

"Assigned" is the commit of the disposition (the router's first event of the case), as PostgreSQL itself records it
(`track_commit_timestamp`): no observer runs beside the system, and no poll blurs the moment. The recorded
instant lies just before the flush of that commit to disk; the mean flush of the phase is measured
(`pg_stat_io`) and added. Generator and database share one clock, that of the machine.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from bench import processes
from bench.figures import Account, Latency, account
from bench.load import Orders
from bench.system import Running
from chassis.database import Connection
from schemas.message import CASE_EVENTS

PATH: Final = "/v1/cases"
_CASES_APART: Final = 10_000_000
_DRAIN_PATIENCE_S: Final = 120.0
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Sent:
    """What the generator took down. Times in nanoseconds since 1970."""

    sent: int
    due: Mapping[UUID, int]
    """When each acknowledged case was due to be sent."""
    waits_ns: Sequence[int]
    started: int
    last_answer: int
    failures: Mapping[str, int]
    sample: str
    cpu_seconds: float

    @classmethod
    def take(cls, path: Path) -> "Sent":
        """Read the generator's result and remove it."""
        raw = orjson.loads(path.read_bytes())
        path.unlink()
        due, answered = raw["due"], raw["answered"]
        return cls(
            sent=raw["sent"],
            due=dict(zip(map(UUID, raw["case_ids"]), due, strict=True)),
            waits_ns=[then - moment for moment, then in zip(due, answered, strict=True)],
            started=raw["started"],
            last_answer=max(answered, default=raw["started"]),
            failures=raw["failures"],
            sample=raw["sample"],
            cpu_seconds=raw["cpu_seconds"],
        )


@dataclass(frozen=True, slots=True)
class Phase:
    """What one phase showed. Durations in seconds, latencies in milliseconds, costs in CPU microseconds a case."""

    name: str
    sent: int
    account: Account
    failures: Mapping[str, int]
    sample: str
    seconds: float
    """From the first request to the commit of the last disposition."""
    drain_seconds: float
    """From the last acknowledgement to the commit of the last disposition."""
    throughput: float
    """Cases acknowledged and assigned per second of `seconds`."""
    latency: Latency | None
    """From the moment a case was due to be sent to its disposition."""
    answered: Latency | None
    """From the moment a case was due to be sent to its 201."""
    flush_ms: float
    cost: Mapping[str, float]
    """By process; `system` is all that the machine did, `foreign` what of it was none of ours."""
    stolen_share: float
    """Share of the machine's time that other guests took."""
    resident_mb: Mapping[str, float]

    @property
    def is_sound(self) -> bool:
        """Whether nothing was lost, doubled, refused or left without an answer."""
        found = self.account
        return not (found.lost or found.doubled or found.unanswered or self.failures) and self.sent > 0

    def figures(self) -> dict[str, Any]:
        """As JSON; the single delays stay out."""
        values = asdict(self)
        found = values.pop("account")
        return values | {name: found[name] for name in found if name not in {"delays_ns", "last_ns"}}


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """Counters at one moment."""

    cpu: Mapping[str, float]
    machine: processes.Machine
    flushes: int
    flush_ms: float
    at: float

    @classmethod
    async def take(cls, running: Running, connection: Connection) -> "_Snapshot":
        row = await connection.fetchrow(
            "SELECT coalesce(sum(fsyncs), 0)::bigint, coalesce(sum(fsync_time), 0)::float8"
            " FROM pg_stat_io WHERE object = 'wal'"
        )
        return cls(
            cpu={name: processes.cpu_seconds(pid) for name, pid in running.pids.items()},
            machine=processes.machine(),
            flushes=row[0] if row else 0,
            flush_ms=row[1] if row else 0.0,
            at=time.monotonic(),
        )


class _Generator:
    """The load generator's process."""

    def __init__(self, process: asyncio.subprocess.Process, patience: float) -> None:
        self._process = process
        self._patience = patience

    async def tell(self, order: str, answer: str) -> None:
        """Give an order and wait for its answer. Raises RuntimeError where the generator ended or is late."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{order}\n".encode())
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), self._patience)
        except TimeoutError:
            line = b""
        if line.decode().strip() != answer:
            raise RuntimeError(f"the load generator did not answer {answer!r} to {order[:8]!r}")

    async def end(self) -> None:
        """End it, by force where need be."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


@asynccontextmanager
async def _generator(orders: Orders) -> AsyncIterator[_Generator]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.load"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    generator = _Generator(process, orders.duration + 90)
    try:
        await generator.tell(orjson.dumps(asdict(orders)).decode(), "ready")
        yield generator
    finally:
        await generator.end()


async def run_phase(
    running: Running,
    name: str,
    messages: Path,
    *,
    connections: int,
    seconds: float = 0.0,
    steps: list[tuple[float, float]] | None = None,
) -> Phase:
    """Load the system (`seconds` of closed loop, or open-loop `steps`), wait until it is idle, count."""
    number = next(_numbers)
    orders = Orders(
        port=running.port,
        path=PATH,
        token=running.token,
        messages=str(messages),
        reference=str(running.reference),
        result=str(running.run_dir / f"load-{number}.json"),
        connections=connections,
        seconds=seconds,
        first=number * _CASES_APART,
        steps=steps or [],
    )
    first, last = [await asyncpg.connect(url) for url in running.databases]
    try:
        async with _generator(orders) as generator:
            first_xid = await last.fetchval("SELECT pg_current_xact_id()::text")
            before = await _Snapshot.take(running, last)
            await generator.tell("go", "done")
            await _until_idle(running, first, last)
            after = await _Snapshot.take(running, last)
            await generator.tell("write", "written")
        sent = Sent.take(Path(orders.result))
        disposed = await _dispositions(running, last, first_xid)
    finally:
        await first.close()
        await last.close()
    resident = {who: round(processes.resident_mb(pid), 1) for who, pid in running.services.items()}
    return _phase(name, sent, disposed, before, after, resident)


async def _until_idle(running: Running, first: Connection, last: Connection) -> None:
    """Wait until the last service has disposed of the newest cases of the first. Looks 20 times a second.

    So many are looked at that each partition of the stream has its newest among them, before which it has no other.
    """
    give_up = time.monotonic() + _DRAIN_PATIENCE_S
    newest = await first.fetch(
        "SELECT case_id FROM chassis.event_log WHERE topic = $1 AND type = $2"
        " ORDER BY topic DESC, event_log.xid DESC, position DESC LIMIT 300",
        CASE_EVENTS,
        running.first_type,
    )
    cases = [row[0] for row in newest]
    while time.monotonic() < give_up:
        done = await last.fetchval(
            "SELECT count(DISTINCT case_id) FROM chassis.event_log WHERE case_id = ANY($1::uuid[]) AND source = $2",
            cases,
            running.last,
        )
        if done == len(cases):
            return
        await asyncio.sleep(0.05)


async def _dispositions(running: Running, connection: Connection, first_xid: str) -> list[tuple[UUID, int]]:
    """The cases disposed of since then, each with the instant of the commit in nanoseconds since 1970."""
    rows = await connection.fetch(
        "SELECT case_id, (extract(epoch FROM pg_xact_commit_timestamp(xid::xid)) * 1000000)::bigint"
        " FROM chassis.event_log WHERE topic = $1 AND xid >= $2::text::xid8 AND source = $3"
        " AND type = ANY($4::text[])",
        CASE_EVENTS,
        first_xid,
        running.last,
        list(running.last_types),
    )
    return [(row[0], row[1] * 1000) for row in rows]


def _phase(
    name: str,
    sent: Sent,
    disposed: list[tuple[UUID, int]],
    before: _Snapshot,
    after: _Snapshot,
    resident: Mapping[str, float],
) -> Phase:
    found = account(sent.due, disposed)
    flushes = after.flushes - before.flushes
    flush_ms = (after.flush_ms - before.flush_ms) / flushes if flushes else 0.0
    seconds = max(0.001, (found.last_ns - sent.started) / 1e9)
    return Phase(
        name=name,
        sent=sent.sent,
        account=found,
        failures=sent.failures,
        sample=sent.sample,
        seconds=round(seconds, 3),
        drain_seconds=round(max(0.0, (found.last_ns - sent.last_answer) / 1e9), 3),
        throughput=round(found.completed / seconds, 1),
        latency=Latency.of(delay + flush_ms * 1e6 for delay in found.delays_ns),
        answered=Latency.of(sent.waits_ns),
        flush_ms=round(flush_ms, 2),
        cost=_cost(before, after, sent.cpu_seconds, max(1, found.completed)),
        stolen_share=round(_stolen(before, after), 3),
        resident_mb=resident,
    )


def _cost(before: _Snapshot, after: _Snapshot, generator: float, cases: int) -> dict[str, float]:
    """CPU microseconds a case by process, for the machine, and what of that was none of ours."""
    used = {name: after.cpu[name] - before.cpu[name] for name in after.cpu} | {"generator": generator}
    system = after.machine.busy - before.machine.busy
    used |= {"system": system, "foreign": max(0.0, system - sum(used.values()))}
    return {name: round(seconds / cases * 1e6, 1) for name, seconds in used.items()}


def _stolen(before: _Snapshot, after: _Snapshot) -> float:
    cores = len(os.sched_getaffinity(0))
    return (after.machine.stolen - before.machine.stolen) / ((after.at - before.at) * cores)
