"""The command bus: HTTP commands take the same path as the stream, and concurrent ones share a commit.

Whatever is waiting is taken together; under load the batches grow by themselves. An answer is given only after
the commit.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar
from uuid import UUID

from chassis.batch import Applied, Batch, Failed, Outcome, Tally
from chassis.database import Connection, Overtaken, Pool, UniqueViolation, is_passing
from chassis.idempotency import (
    Answer,
    Idempotency,
    KeyReused,
    Replay,
    load_answers,
    look_up,
    save_answers,
)
from chassis.metrics import Metrics
from chassis.service import Service
from chassis.store import Store
from chassis.telemetry import Telemetry
from chassis.waiting import pace, wait_at_most
from schemas.message import Command

S = TypeVar("S")

MAX_BATCH: Final = 400
"""Commands in one transaction at most."""
MAX_WAITING: Final = 20_000
"""Commands waiting at most; more are turned away, for memory must not grow without bound."""
PACE_S: Final = 0.03
"""So long from one commit to the next is waited for more commands, in seconds: many small transactions take the
time of the work itself. After a few commands it is shorter, and after one alone there is no wait: its sender waits
for the answer before the next."""
_ATTEMPTS: Final = 6
_FIRST_PAUSE_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Request(Generic[S]):
    """A command on its way."""

    case_id: UUID
    command: Command
    traceparent: str | None
    expected: Collection[int] | None = None
    """The versions the caller takes (If-Match); None takes any."""
    idempotency: Idempotency | None = None
    answer: Callable[[Applied[S]], Answer] | None = None
    """Builds the HTTP answer, which is stored with the Idempotency-Key in the same transaction."""


Reply = Outcome[S] | Replay | KeyReused
_Entry = tuple[Request[S], "asyncio.Future[Reply[S]]"]


class Unavailable(Exception):
    """The command was not taken and had no effect: shutting down, too many waiting, or no database."""


class CommandBus(Generic[S]):
    """Runs the commands of one service. `run` is its one worker; `execute` waits for the commit."""

    def __init__(
        self,
        service: Service[S],
        pool: Pool,
        clock: Callable[[], datetime],
        *,
        metrics: Metrics,
        telemetry: Telemetry,
    ) -> None:
        self._service = service
        self._store = Store(service.name)
        self._pool = pool
        self._clock = clock
        self._metrics = metrics
        self._telemetry = telemetry
        self._waiting: deque[_Entry[S]] = deque()
        self._arrived = asyncio.Event()
        self._closing = asyncio.Event()

    async def execute(self, request: Request[S]) -> Reply[S]:
        """Apply one command and return what became of it, once committed. Raises Unavailable."""
        return await self.enqueue(request)

    def enqueue(self, request: Request[S]) -> "asyncio.Future[Reply[S]]":
        """Put a command in line; the future ends after the commit. Raises Unavailable."""
        if self._closing.is_set():
            raise Unavailable("the service is shutting down")
        if len(self._waiting) >= MAX_WAITING:
            raise Unavailable(f"{MAX_WAITING} commands are waiting already")
        future: asyncio.Future[Reply[S]] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        self._arrived.set()
        return future

    def close(self) -> None:
        """Take no more commands; `run` ends when those that wait are done."""
        self._closing.set()
        self._arrived.set()

    async def run(self) -> None:
        """Work until closed and empty."""
        loop = asyncio.get_running_loop()
        while not (self._closing.is_set() and not self._waiting):
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                started = loop.time()
                taken = self._take()
                await self._settle(taken)
                if 1 < len(taken) < MAX_BATCH:
                    await wait_at_most(self._closing, pace(PACE_S, len(taken)) - (loop.time() - started))

    def _take(self) -> list[_Entry[S]]:
        """Take what waits, up to a batch; a key that is in it already waits for the next, for its answer."""
        taken: list[_Entry[S]] = []
        later: list[_Entry[S]] = []
        keys: set[tuple[str, str]] = set()
        while self._waiting and len(taken) < MAX_BATCH:
            entry = self._waiting.popleft()
            asked = entry[0].idempotency
            if asked is None:
                taken.append(entry)
            elif (key := (asked.principal, asked.key)) in keys:
                later.append(entry)
            else:
                keys.add(key)
                taken.append(entry)
        self._waiting.extendleft(reversed(later))
        return taken

    async def _settle(self, taken: list[_Entry[S]]) -> None:
        """Commit and answer. What the database refuses is halved until the one at fault stands alone."""
        try:
            replies: Sequence[Reply[S]] = await self._commit_patiently([request for request, _ in taken])
        except Unavailable as error:
            for _, future in taken:
                if not future.done():
                    future.set_exception(Unavailable(*error.args))
            return
        except Exception as error:
            if len(taken) == 1:
                replies = [Failed(error)]
            else:
                middle = len(taken) // 2
                await self._settle(taken[:middle])
                await self._settle(taken[middle:])
                return
        for (_, future), reply in zip(taken, replies, strict=True):
            if not future.done():
                future.set_result(reply)

    async def _commit_patiently(self, requests: Sequence[Request[S]]) -> Sequence[Reply[S]]:
        """Commit, trying again over what passes by itself: a lost connection, a deadlock, a changed row."""
        pause = _FIRST_PAUSE_S
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._commit(requests)
            except UniqueViolation:  # another process was first: load again, unless it stays so
                if attempt == _ATTEMPTS:
                    raise
            except Exception as error:
                if not is_passing(error):
                    raise
                if attempt == _ATTEMPTS:
                    why = str(error) if isinstance(error, Overtaken) else "the database does not answer"
                    raise Unavailable(why) from error
            await asyncio.sleep(pause)
            pause *= 2
        raise AssertionError("unreachable")

    async def _commit(self, requests: Sequence[Request[S]]) -> Sequence[Reply[S]]:
        async with self._pool.acquire() as connection, AsyncExitStack() as span, connection.transaction():
            replies, tally = await self._apply(connection, requests, span)
        self._metrics.observe("group_commit_commands", len(requests))
        self._metrics.count_each("events_emitted", tally.emitted)
        return replies

    async def _apply(
        self, connection: Connection, requests: Sequence[Request[S]], span: AsyncExitStack
    ) -> tuple[Sequence[Reply[S]], Tally]:
        keys = [request.idempotency for request in requests if request.idempotency is not None]
        known = await load_answers(connection, self._service.name, keys) if keys else {}
        batch = Batch(self._service, self._store, connection, self._clock(), self._telemetry)
        await batch.load([request.case_id for request in requests])
        replies: list[Reply[S] | None] = [
            look_up(known, request.idempotency) if request.idempotency is not None else None
            for request in requests
        ]
        fresh = [number for number, reply in enumerate(replies) if reply is None]
        answered: list[tuple[Idempotency, Answer]] = []
        commands = await self._enriched(connection, [requests[number] for number in fresh])
        for number, command in zip(fresh, commands, strict=True):
            request = requests[number]
            reply = batch.command(request.case_id, command, request.traceparent, request.expected)
            if request.idempotency is not None and request.answer is not None and isinstance(reply, Applied):
                answered.append((request.idempotency, request.answer(reply)))
            replies[number] = reply
        span.enter_context(batch.committing())  # until the transaction has ended
        if answered:
            await save_answers(connection, self._service.name, answered)
        await batch.save()
        return [reply for reply in replies if reply is not None], batch.tally

    async def _enriched(self, connection: Connection, requests: Sequence[Request[S]]) -> Sequence[Command]:
        if self._service.enrich is None or not requests:
            return [request.command for request in requests]
        return await self._service.enrich(
            connection, [(request.case_id, request.command) for request in requests]
        )
