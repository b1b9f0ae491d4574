"""Queues deliveries, lets killed and restarted senders work on them, and counts what the gateway got.

The senders are forks of this process, which has loaded the texts: so a new one is there at once, as another replica
would be. They send with the real sender over HTTP, claim and record in the real database.
"""

import asyncio
import multiprocessing
import random
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import Synchronized
from typing import Any, Final, TypeVar
from uuid import UUID

import uvloop

from chassis.database import open_pool, session
from chassis.embedded import free_port
from chassis.metrics import Metrics
from chassis.telemetry import Telemetry
from reference.load import load
from services.cli.local import GULOU
from services.notify.composing import Composer
from services.notify.dispatcher import Dispatcher, Pace
from services.notify.domain import Channel, ChannelPolicy, Planned, RetryPolicy, message_id
from services.notify.queue import Receipt, enqueue, receive
from services.notify.senders.sms import SmsSender
from services.notify.table import Table, load_notices
from services.notify.wiring import providers_client
from tests.deliveries.gateway import Gateway, Report, Taken
from tests.notify_kit import SOMEBODY, Known

T = TypeVar("T")
FORK: Final = multiprocessing.get_context("fork")
SENDERS: Final = 2
EACH: Final = 20
"""Deliveries to one recipient."""
LOOK_S: Final = 0.2
PACE: Final = Pace(lanes=64, poll_s=0.05, lease_s=3.0, send_s=0.5)
BEARS: Final = ChannelPolicy(quiet=False, per_second=1e6, burst=1_000_000, failures=1_000_000, pause_s=1)
PATIENT: Final = RetryPolicy(first_s=0.05, factor=2, longest_s=1, attempts=60)
_CHUNK: Final = 2000
_TRACE: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of it. All but the last ones must be nought."""

    deliveries: int
    lost: int
    """Not once taken by the gateway."""
    unrecorded: int
    """Taken, and not recorded as sent."""
    renamed: int
    """Sent under another id than the delivery's own, or two under one."""
    disordered: int
    """Recipients who got a message after a later one."""
    kills: int
    requests: int
    failed: int
    stalled: int
    answered_twice: int
    repeated: int
    """Taken once more under the same id, since the gateway or the sender did not get to say that it had been."""
    receipts: int
    seconds: float

    @property
    def is_right(self) -> bool:
        """Whether what must be nought is."""
        return not (self.lost or self.unrecorded or self.renamed or self.disordered)

    def __str__(self) -> str:
        rate = self.deliveries / self.seconds if self.seconds else 0.0
        lines = (
            ("deliveries", f"{self.deliveries:,} to {self.deliveries // EACH:,} recipients"),
            ("lost", self.lost),
            ("not recorded as sent", self.unrecorded),
            ("sent under a different id", self.renamed),
            ("recipients out of order", self.disordered),
            ("requests at the gateway", f"{self.requests:,}"),
            ("  failed", f"{self.failed:,} ({self.failed / self.requests:.1%})"),
            ("  stalled", f"{self.stalled:,}"),
            ("  answered twice", f"{self.answered_twice:,}"),
            ("taken again, same id", f"{self.repeated:,}"),
            ("receipts, each twice", f"{self.receipts:,}"),
            ("senders killed (kill -9)", self.kills),
            ("time", f"{self.seconds:.0f} s, {rate:,.0f} deliveries a second"),
        )
        return "\n".join(f"{name:28} {value}" for name, value in lines)


@dataclass(frozen=True, slots=True)
class _Stage:
    """What all processes share."""

    url: str
    port: int
    table: Table
    composer: Composer


def run(url: str, deliveries: int, seed: int, kills: int) -> Figures:
    """Send `deliveries` (a multiple of 20) through the migrated, empty database at `url`."""
    jurisdiction = load(GULOU)
    found = load_notices(GULOU, jurisdiction)
    notices = replace(found.notices, retry=PATIENT, channels=dict.fromkeys(Channel, BEARS))
    table = replace(found, notices=notices)
    stage = _Stage(url, free_port(), table, Composer(table, jurisdiction, "http://t"))
    planned = [_planned(number, deliveries // EACH) for number in range(deliveries)]
    with _gateway(stage.port, seed) as gateway:
        began = time.monotonic()
        killed, receipts = _work(stage, planned, gateway, random.Random(seed), kills)
        seconds = time.monotonic() - began
        report = gateway.report()
    return _figures(planned, report, asyncio.run(_states(url)), killed, receipts, seconds)


def _planned(number: int, recipients: int) -> Planned:
    """Delivery `number`: the recipients take turns."""
    turn, which = divmod(number, recipients)
    report = UUID(int=which + 1)
    event, recipient = f"router/{report}/{turn + 1}", f"report/{report}"
    return Planned(
        message_id=message_id(event, recipient, Channel.SMS),
        lane=recipient,
        event_id=event,
        case_id=report,
        recipient=recipient,
        channel=Channel.SMS,
        others=(),
        template="redo",
        facts={"unit": f"{which}-{turn}"},
        statutory=False,
        urgent=False,
        expires_at=datetime.now(UTC) + timedelta(days=1),
        traceparent=_TRACE,
    )


# -- the gateway, in a process of its own --------------------------------------------------------------


@dataclass(slots=True)
class _RunningGateway:
    counter: "Synchronized[int]"
    receipts: Connection
    _stop: Connection
    _result: Connection

    def report(self) -> Report:
        """Stop it, and return what it has seen."""
        self._stop.send(True)
        found: Report = self._result.recv()
        return found


@contextmanager
def _gateway(port: int, seed: int) -> Iterator[_RunningGateway]:
    counter = FORK.Value("q", 0)
    ready, is_ready = FORK.Pipe(duplex=False)
    stopping, stop = FORK.Pipe(duplex=False)
    result, outcome = FORK.Pipe(duplex=False)
    receipts, receipt = FORK.Pipe(duplex=False)

    def serve() -> None:
        server = Gateway(seed, counter, receipt)
        _looped(lambda: server.serve(port, is_ready, stopping))
        outcome.send(server.report)

    process = FORK.Process(target=serve, daemon=True)
    process.start()
    ready.recv()
    yield _RunningGateway(counter, receipts, stop, result)
    process.kill()
    process.join()


# -- the senders ---------------------------------------------------------------------------------------


def _work(
    stage: _Stage, planned: list[Planned], gateway: _RunningGateway, luck: random.Random, kills: int
) -> tuple[int, int]:
    """Queue all, half of it while the senders are at work; kill them now and then; return kills and receipts."""
    queued = _feed(stage.url, planned, 0, len(planned) // 2)
    senders = [_sender(stage) for _ in range(SENDERS)]
    killed = receipts = 0
    try:
        while queued < len(planned) or asyncio.run(_lanes(stage.url)):
            if queued < len(planned):
                queued = _feed(stage.url, planned, queued, queued + _CHUNK)
            if killed < kills and gateway.counter.value >= (killed + 1) * len(planned) / (kills + 1):
                killed += 1
                which = luck.randrange(SENDERS)
                senders[which].kill()
                senders[which].join()
                senders[which] = _sender(stage)
            receipts += asyncio.run(_receipts(stage.url, gateway.receipts))
            time.sleep(LOOK_S)  # polled: what other processes do gives no signal here
    finally:
        for sender in senders:
            sender.kill()
            sender.join()
    return killed, receipts


def _sender(stage: _Stage) -> BaseProcess:
    process = FORK.Process(target=_looped, args=(lambda: _send(stage),), daemon=True)
    process.start()
    return process


async def _send(stage: _Stage) -> None:
    """Work until killed."""
    pool = await open_pool(stage.url, size=4)
    async with providers_client() as client:
        sms = SmsSender(client, f"http://127.0.0.1:{stage.port}", "key", "secret", "sign", _now)
        await Dispatcher(
            stage.table.notices,
            stage.composer,
            {Channel.SMS: sms},
            Known(SOMEBODY),
            lambda: pool,
            _now,
            metrics=Metrics(),
            telemetry=Telemetry(None, 0.0),
            pace=PACE,
        ).run()


def _now() -> datetime:
    return datetime.now(UTC)


def _looped(work: Callable[[], Awaitable[T]]) -> None:
    """Run in a forked process, with an event loop of its own."""

    async def main() -> None:
        await work()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


# -- the database --------------------------------------------------------------------------------------


def _feed(url: str, planned: list[Planned], start: int, end: int) -> int:
    async def feed() -> None:
        async with session(url) as connection:
            for at in range(start, min(end, len(planned)), _CHUNK):
                async with connection.transaction():
                    now = _now()
                    await enqueue(connection, [(one, now) for one in planned[at : min(at + _CHUNK, end)]])

    asyncio.run(feed())
    return min(end, len(planned))


async def _lanes(url: str) -> int:
    async with session(url) as connection:
        found: int = await connection.fetchval("SELECT count(*) FROM notify.lane")
    return found


async def _receipts(url: str, arrived: Connection) -> int:
    """Record the receipts that have come, as notify's own route does; each comes twice."""
    told = []
    while arrived.poll():
        told.append(Receipt(UUID(arrived.recv()), arrived=True))
    if told:
        async with session(url) as connection, connection.transaction():
            await receive(connection, told, _now())
    return len(told) // 2


async def _states(url: str) -> dict[UUID, str]:
    async with session(url) as connection:
        rows = await connection.fetch("SELECT message_id, state FROM notify.delivery")
    return {row[0]: row[1] for row in rows}


# -- the count -----------------------------------------------------------------------------------------


def _figures(
    planned: list[Planned],
    report: Report,
    states: dict[UUID, str],
    kills: int,
    receipts: int,
    seconds: float,
) -> Figures:
    wanted: dict[Any, str] = {one.facts["unit"]: one.message_id.hex for one in planned}
    times = Counter(report.taken)
    names = {taken.name for taken in times}
    return Figures(
        deliveries=len(planned),
        lost=sum(name not in names for name in wanted),
        unrecorded=sum(states.get(one.message_id) not in {"sent", "delivered"} for one in planned),
        renamed=sum(wanted.get(taken.name) != taken.out_id for taken in times),
        disordered=_disordered(report.taken),
        kills=kills,
        requests=report.requests,
        failed=report.failed,
        stalled=report.stalled,
        answered_twice=report.answered_twice,
        repeated=len(report.taken) - len(times),
        receipts=receipts,
        seconds=seconds,
    )


def _disordered(taken: list[Taken]) -> int:
    """Count the recipients to whom anything, a repeat among it, came after something later."""
    turns: dict[str, list[int]] = defaultdict(list)
    for one in taken:
        which, _, turn = one.name.partition("-")
        turns[which].append(int(turn))
    return sum(order != sorted(order) for order in turns.values())
