"""Settles what departments write on their topics: the same deeds as over HTTP, and a rejection for what is none.

A letter has its effect in the transaction that stores its key, or gets a rejection in the event log, from where the
relay publishes it. Either way the second time that it is read it does nothing.
"""

import asyncio
import logging
import secrets
from collections.abc import Iterator, Sequence
from typing import Final

from chassis.batch import describe
from chassis.commands import Unavailable
from chassis.database import is_passing
from chassis.http import Problem
from chassis.http.problems import internal
from chassis.http.replies import settled
from chassis.idempotency import Answer
from chassis.kafka.letters import Letter, append_rejections, rejected_before
from schemas.envelope import Envelope
from services.router.api.access import Access
from services.router.api.deeds import prepare, refusal
from services.router.api.office import Case, Office
from services.router.api.reply_records import Received, receive, rejected, sender_of

_OK: Final = 200

_log = logging.getLogger(__name__)


class ReplyDesk:
    """Where the replies of all departments arrive."""

    def __init__(self, office: Office, access: Access) -> None:
        self._office = office
        self._access = access

    async def settle(self, letters: Sequence[Letter]) -> None:
        """Settle letters for good. Two about the same case are decided one after the other, in their order.

        Raises Unavailable, or what the database raises, where that must be tried again.
        """
        received = [_received(letter) for letter in letters]
        async with self._office.host.pool.acquire() as connection:
            done = await rejected_before(connection, [each.key for each in received])
        for wave in waves([each for each in received if each.key not in done]):
            await self._settle(wave)

    async def _settle(self, wave: Sequence[Received]) -> None:
        """Settle letters of which no two are about the same case: their commands share commits."""
        found = await asyncio.gather(*map(self._do, wave), return_exceptions=True)
        rejections = []
        for result in found:
            if isinstance(result, BaseException):
                raise result
            if result is not None:
                rejections.append(result)
        if rejections:
            async with self._office.host.pool.acquire() as connection, connection.transaction():
                await append_rejections(connection, rejections)
        metrics = self._office.host.metrics
        metrics.count("letters", len(rejections), "rejected")
        metrics.count("letters", len(wave) - len(rejections), "settled")

    async def _do(self, received: Received) -> Envelope | None:
        """Do what a letter asks; return its rejection where it had no effect. Raises only what passes by itself."""
        try:
            await self._attempt(received)
        except Problem as problem:
            return self._rejection(received, problem)
        except Unavailable:
            raise
        except Exception as error:
            if is_passing(error):
                raise
            return self._rejection(received, _defect(error))
        return None

    async def _attempt(self, received: Received) -> None:
        if isinstance(received.deed, Problem):
            raise received.deed
        ready = await prepare(self._office, self._access, received.deed, _answer)
        if isinstance(ready, Answer):
            return  # it had its effect before
        reply = await self._office.host.bus.execute(ready.request)
        settled(self._office.host.metrics, reply, ready.answer, refusal)

    def _rejection(self, received: Received, problem: Problem) -> Envelope:
        event = rejected(received, problem)
        telemetry, sent = self._office.host.telemetry, received.letter.headers.get("traceparent", b"")
        return Envelope(
            source=received.key.source,
            case_id=received.key.case_id,
            sequence=received.key.sequence,
            type=event.type,
            time=self._office.host.clock(),
            topic=event.topic(),
            traceparent=telemetry.accept(sent.decode("ascii", "replace")) or "",
            data=event.model_dump_json(exclude_none=True),
        )


def _received(letter: Letter) -> Received:
    try:
        return receive(letter)
    except Exception as error:
        return Received(letter, sender_of(letter.topic), _defect(error))


def _defect(error: Exception) -> Problem:
    """A defect of ours is not to hold up the other letters: log it, and tell the sender its number."""
    incident = secrets.token_hex(8)
    _log.error("a reply failed: %s", describe(error), extra={"incident": incident})
    return internal(incident)


def waves(received: Sequence[Received]) -> Iterator[list[Received]]:
    """Sort letters into groups in which no two with a deed are about the same case; each keeps its order."""
    waiting = list(received)
    while waiting:
        taken: list[Received] = []
        later: list[Received] = []
        cases = set()
        for each in waiting:
            if each.case_id is None or each.case_id not in cases:
                taken.append(each)
                cases.add(each.case_id)
            else:
                later.append(each)
        yield taken
        waiting = later


def _answer(case: Case) -> Answer:
    """What is stored with the key; nobody reads it."""
    return Answer(_OK, b"", case.version)
