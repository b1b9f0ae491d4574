"""Sends what is queued: claims lanes, asks how their recipients are reached, sends in order, records the results.

Lanes are worked on side by side, the deliveries of one lane one after the other. What finishes at the same time is
recorded in one commit. A channel's rate limit, its circuit and the quiet hours decide how many of its lanes are
claimed at all: what may not be sent now is left where it is.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

import httpx

from chassis.batch import describe
from chassis.database import Pool, is_passing
from chassis.metrics import Metrics
from chassis.telemetry import Span, SpanKind, Telemetry
from chassis.waiting import wait_at_most
from services.notify.composing import Composer
from services.notify.contacts import Contact, Contacts, TooEarly, Unreachable, Who
from services.notify.domain import Channel, Notices, message_id
from services.notify.domain.limits import Breaker, TokenBucket
from services.notify.queue import Claim, Claimed, Delivery, Finished, Result, State, claim, settle
from services.notify.senders import Later, Message, Outcome, Sender, Sent, Undeliverable
from services.notify.senders.base import SEND_S
from services.notify.sparing import Telling, forget, waits_of
from services.notify.templates import TemplateError

_log = logging.getLogger(__name__)

_OPTED_OUT: Final = (
    "SELECT o.ref, o.channel FROM notify.opt_out o"
    " JOIN unnest($1::text[], $2::text[]) AS u(ref, channel) ON u.ref = o.ref AND u.channel = o.channel"
)
_OVERDUE: Final = "SELECT count(*) FROM (SELECT FROM notify.lane WHERE next_at < $1 LIMIT 100000) AS late"
SENT_BY: Final = tuple(channel for channel in Channel if channel is not Channel.INBOX)
"""The channels that need a sender."""
_AWAY: Final = (OSError, TimeoutError, httpx.HTTPError)


@dataclass(frozen=True, slots=True)
class Pace:
    """How the dispatcher works; counts and seconds."""

    lanes: int = 32
    """Lanes in hand at most."""
    poll_s: float = 0.5
    """At least this long from one claim to the next, unless there was no room for more: a round costs the same for
    one lane as for all of them."""
    lease_s: float = 120.0
    """How long a lane stays ours; a process that died holds its recipients up for so long."""
    send_s: float = SEND_S
    pause_s: float = 5.0
    """How long to wait where intake does not answer."""
    measure_s: float = 5.0


@dataclass(slots=True)
class _Way:
    """A channel at work. One without limits (an endpoint has its own back-off) lets everything pass."""

    sender: Sender
    bucket: TokenBucket
    breaker: Breaker
    is_hushed: bool


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found out of the recipients of some lanes."""

    contacts: Mapping[Who, Contact]
    opted_out: Collection[tuple[str, str]] = field(default=frozenset())
    waits: Mapping[Telling, datetime] = field(default_factory=dict)
    """Whose address was told of many other reports lately, and until when they wait."""


class Dispatcher:
    """The worker of the notify service. Safe to run in several processes at once: a lane has one owner."""

    def __init__(
        self,
        notices: Notices,
        composer: Composer,
        senders: Mapping[Channel, Sender],
        contacts: Contacts,
        pool: Callable[[], Pool],
        clock: Callable[[], datetime],
        *,
        metrics: Metrics,
        telemetry: Telemetry,
        pace: Pace = Pace(),
    ) -> None:
        self._notices, self._composer, self._contacts = notices, composer, contacts
        self._pool, self._clock, self._pace = pool, clock, pace
        self._metrics, self._telemetry = metrics, telemetry
        self._ways = {channel: _way(notices, channel, sender) for channel, sender in senders.items()}
        self._stopping = asyncio.Event()
        self._in_hand: set[asyncio.Task[None]] = set()
        self._finished: asyncio.Queue[tuple[Finished, asyncio.Future[bool]]] = asyncio.Queue()
        self._halted: str | None = None
        self._trouble: str | None = None
        self._measured_at = 0.0

    @property
    def trouble(self) -> str | None:
        """Why nothing can be sent now, in plain words."""
        return self._halted or self._trouble

    def stop(self) -> None:
        """Finish the messages in hand, and let `run` end."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until stopped."""
        recording = asyncio.create_task(self._record())
        try:
            while not self._stopping.is_set():
                try:
                    await self._round()
                    self._halted = None  # also where nothing was due: the queue can be read again
                except Exception as error:
                    if not is_passing(error):
                        _log.exception("a round of sending failed")
                    self._halted = f"nothing is sent: {describe(error)}"
                    await wait_at_most(self._stopping, self._pace.pause_s)
            await asyncio.gather(*self._in_hand, return_exceptions=True)
        finally:
            recording.cancel()
            await asyncio.gather(recording, return_exceptions=True)
            for way in {id(way.sender): way for way in self._ways.values()}.values():
                await way.sender.close()

    # -- claiming --------------------------------------------------------------------------------------

    async def _round(self) -> None:
        """Claim what may be sent now and begin to send it; wait where nothing is left to claim, or little room."""
        await self._measure()
        room = self._pace.lanes - len(self._in_hand)
        if room < max(1, self._pace.lanes // 4):
            await asyncio.wait(self._in_hand, return_when=asyncio.FIRST_COMPLETED)
            return
        now = self._clock()
        until = now + timedelta(seconds=self._pace.lease_s)
        async with self._pool().acquire() as connection:
            claimed = await claim(connection, self._wanted(room, now), until)
        if claimed:
            await self._begin(claimed, now, until)
        if len(claimed) < room:
            await wait_at_most(self._stopping, self._pace.poll_s)

    async def _begin(self, claimed: Sequence[Claimed], now: datetime, until: datetime) -> None:
        """Work on lanes from now on; where their recipients are not known, let them go for a while."""
        try:
            known = await self._find_out(claimed)
        except Exception as error:
            again = now + timedelta(seconds=self._pace.pause_s)
            await asyncio.gather(*(self._let_go(lane, again) for lane in claimed))
            if not isinstance(error, Unreachable):
                raise
            self._trouble = str(error)
            _log.warning("recipients are not known, so nothing is sent: %s", error)
            return
        self._trouble = None
        for lane in claimed:
            task = asyncio.create_task(self._work(lane, known, until))
            self._in_hand.add(task)
            task.add_done_callback(self._in_hand.discard)

    def _wanted(self, room: int, now: datetime) -> list[Claim]:
        """Which lanes to claim: of each channel as many as it bears now; in the quiet hours urgent ones only.

        Of one whose circuit is open, those that have waited long enough to fall back; of one that has lost its
        sender, all.
        """
        is_quiet = self._notices.quiet_hours.until(now) is not None
        moment = asyncio.get_running_loop().time()
        wanted = []
        for channel in SENT_BY:
            way = self._ways.get(channel)
            most, due = room, now
            if way is not None:
                allowed = way.breaker.allowed(moment)
                most = min(room, way.bucket.available(moment), allowed or room)
                due = now - self._notices.falls_back_after if allowed == 0 else now
            if most > 0:
                wanted.append(Claim(channel, urgent=True, most=most, due=due))
                if way is None or not (is_quiet and way.is_hushed):
                    wanted.append(Claim(channel, urgent=False, most=most, due=due))
        return wanted

    async def _find_out(self, claimed: Sequence[Claimed]) -> _Known:
        """Ask intake for the recipients of all lanes at once, and look up who of them opted out."""
        whom: list[Who] = [
            (one.case_id, report)
            for lane in claimed
            for one in lane.deliveries
            if (report := one.report) is not None
        ]
        if not whom:
            return _Known({})
        contacts = await self._contacts.read(whom)
        refs = [(ref, channel.value) for one in contacts.values() for channel, ref in one.refs.items()]
        columns = [[ref for ref, _ in refs], [channel for _, channel in refs]]
        async with self._pool().acquire() as connection:
            rows = await connection.fetch(_OPTED_OUT, *columns)
        known = _Known(contacts, {(row[0], row[1]) for row in rows})
        asked = self._spared(claimed, known)
        return replace(known, waits=await waits_of(self._pool(), asked, self._clock()))

    def _spared(self, claimed: Sequence[Claimed], known: _Known) -> dict[Telling, int]:
        """Whom the lanes tell of what, where their channel spares addresses, and how many reports it lets pass."""
        asked: dict[Telling, int] = {}
        now = self._clock()
        for lane in claimed:
            for one in lane.deliveries:
                telling = _telling(one, known)
                most = self._notices.channels[one.channel].reports_an_hour
                if telling is None or most is None or one.channel not in self._ways or now >= one.expires_at:
                    continue
                if not _opted_out(one, telling, known):
                    asked[telling] = most
        return asked

    async def _let_go(self, lane: Claimed, again: datetime) -> None:
        await self._settle(Finished(lane.lane, lane.owner, (), again))

    # -- sending ---------------------------------------------------------------------------------------

    async def _work(self, lane: Claimed, known: _Known, until: datetime) -> None:
        """Send the deliveries of a lane in order, until one has to wait or the lease is nearly over.

        What came of one is recorded before the next goes out: so whoever comes after a crash repeats one at most.
        """
        results: list[Result] = []
        again: datetime | None = None
        last = until - timedelta(seconds=2 * self._pace.send_s)
        for delivery in lane.deliveries:
            if self._stopping.is_set() or self._clock() > last:
                break
            if results:
                if not await self._settle(Finished(lane.lane, lane.owner, tuple(results), keeps=True)):
                    return  # it is no longer ours
                results.clear()
            try:
                done = await self._deliver(delivery, known)
            except Exception:
                _log.exception("a delivery failed", extra={"code": delivery.template})
                again = self._clock() + timedelta(seconds=self._pace.pause_s)
                break
            if isinstance(done, datetime):
                again = done
                break
            results.append(done)
            self._metrics.count("notices", 1, done.state if done.state != "open" else "retried")
            if done.state == "open":
                again = self._notices.retry.next(done.attempts, self._clock(), random.random())  # noqa: S311
                break
            if done.fallback is not None:
                break  # it takes the place of this one, before all that follow
        await self._settle(Finished(lane.lane, lane.owner, tuple(results), again))

    async def _deliver(self, delivery: Delivery, known: _Known) -> Result | datetime:
        """Send one delivery and return its result; a moment where it is to wait without an attempt."""
        now = self._clock()
        attributes: dict[Any, Any] = {
            "messaging.system": delivery.channel.value,
            "messaging.message.id": str(delivery.message_id),
            "caseladder.case_id": str(delivery.case_id),
        }
        name = f"send {delivery.channel}"
        with self._telemetry.span(name, delivery.traceparent, SpanKind.CLIENT, (), attributes) as span:
            if now >= delivery.expires_at:
                return _told(span, self._ended(delivery, "expired", "too_late", falls_back=False))
            way = self._ways.get(delivery.channel)
            if way is None:
                return _told(span, self._ended(delivery, "failed", "no_sender"))
            try:
                message = await self._message(delivery, known)
            except TooEarly:
                return _put_off(span, now + timedelta(seconds=self._pace.poll_s))
            except Unreachable as error:
                self._trouble = str(error)
                _log.warning("the link to a callback is not known, so nothing is sent: %s", error)
                return _put_off(span, now + timedelta(seconds=self._pace.pause_s))
            if isinstance(message, Result):
                return _told(span, message)
            if isinstance(message, datetime):
                return _put_off(span, message)
            moment = asyncio.get_running_loop().time()
            if not way.breaker.begin(moment):
                if delivery.others and now - delivery.created_at >= self._notices.falls_back_after:
                    return _told(span, self._ended(delivery, "failed", "circuit_open"))
                return _put_off(span, now)
            if not way.bucket.take(moment):
                way.breaker.gave_up()
                return _put_off(span, now)
            outcome = await self._send(way, message)
            return _told(span, self._result(delivery, outcome))

    async def _message(self, delivery: Delivery, known: _Known) -> Message | Result | datetime:
        """The message as it goes out, or the result where nobody is to be told by this channel; until when it waits
        where the address was told of many other reports lately.

        Raises Unreachable and TooEarly where it asks for an answer and intake gives no link to it.
        """
        report = delivery.report
        if report is None:
            return self._composed(delivery, None)
        contact, telling = known.contacts.get((delivery.case_id, report)), _telling(delivery, known)
        if contact is None or telling is None:
            return self._ended(delivery, "cancelled", "no_address", falls_back=contact is not None)
        if _opted_out(delivery, telling, known):
            return self._ended(delivery, "opted_out", "opted_out")
        if telling in known.waits:
            return known.waits[telling]
        answer = None
        if self._composer.asks(delivery):
            answer = await self._contacts.callback_path(report, delivery.sequence)
            if answer is None:
                return self._ended(delivery, "cancelled", "callback_over", falls_back=False)
        return self._composed(delivery, contact, answer)

    def _composed(
        self, delivery: Delivery, contact: Contact | None, answer: str | None = None
    ) -> Message | Result:
        try:
            if contact is None:
                return self._composer.for_unit(delivery)
            return self._composer.for_resident(delivery, contact, answer)
        except (LookupError, TemplateError) as error:  # today's file says no such thing any more
            _log.error("a notice has no text: %s", type(error).__name__, extra={"code": delivery.template})
            return self._ended(delivery, "failed", "no_text", falls_back=False)

    async def _send(self, way: _Way, message: Message) -> Outcome:
        """Hand a message over; whatever goes wrong on the way counts against the channel."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._pace.send_s):
                outcome = await way.sender.send(message)
        except _AWAY as error:
            outcome = Later(type(error).__name__)
        except asyncio.CancelledError:
            way.breaker.gave_up()
            raise
        except Exception as error:
            # Our own defect, or the database's refusal: the message waits, and the log says where it is.
            _log.exception("a sender failed", extra={"outcome": type(error).__name__})
            outcome = Later("defect")
        if isinstance(outcome, Later):
            way.breaker.failed(loop.time())
        else:
            way.breaker.worked()
        return outcome

    def _result(self, delivery: Delivery, outcome: Outcome) -> Result:
        attempts = delivery.attempts + 1
        match outcome:
            case Sent(reference, delivered):
                state: State = "delivered" if delivered else "sent"
                return Result(delivery.message_id, state, attempts, None, reference)
            case Undeliverable(reason):
                return self._ended(delivery, "failed", reason, attempts=attempts)
            case Later(reason):
                if self._notices.retry.next(attempts, self._clock(), 0.0) is None:
                    return self._ended(delivery, "failed", reason, attempts=attempts)
                return Result(delivery.message_id, "open", attempts, reason)

    def _ended(
        self,
        delivery: Delivery,
        state: State,
        reason: str,
        *,
        attempts: int | None = None,
        falls_back: bool = True,
    ) -> Result:
        """The end of a delivery that did not arrive; that of the next channel, if there is one, takes its place."""
        fallback = None
        if falls_back and delivery.others:
            fallback = message_id(delivery.event_id, delivery.recipient, delivery.others[0])
        tried = delivery.attempts if attempts is None else attempts
        return Result(delivery.message_id, state, tried, reason, None, fallback)

    # -- recording -------------------------------------------------------------------------------------

    async def _settle(self, finished: Finished) -> bool:
        """Have it recorded with what else is finished, and wait until it is; False where it was not."""
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._finished.put_nowait((finished, done))
        return await done

    async def _record(self) -> None:
        """Record what is finished, all that waits in one commit. Where the database is away, the leases run out."""
        while True:
            batch = [await self._finished.get()]
            while not self._finished.empty():
                batch.append(self._finished.get_nowait())
            held: set[str] = set()
            try:
                async with self._pool().acquire() as connection:
                    held = await settle(connection, [finished for finished, _ in batch], self._clock())
            except Exception as error:
                _log.warning("results were not recorded; the same messages go out again: %s", describe(error))
                self._trouble = f"results are not recorded: {describe(error)}"
            for finished, done in batch:
                if not done.done():
                    done.set_result(finished.lane in held)

    async def _measure(self) -> None:
        moment = asyncio.get_running_loop().time()
        if moment - self._measured_at < self._pace.measure_s:
            return
        self._measured_at = moment
        late = self._clock() - timedelta(seconds=60)
        async with self._pool().acquire() as connection:
            self._metrics.set("notices_late", await connection.fetchval(_OVERDUE, late))
            await forget(connection, self._clock())
        self._metrics.set("circuits_open", sum(way.breaker.is_open for way in self._ways.values()))


def _way(notices: Notices, channel: Channel, sender: Sender) -> _Way:
    policy = notices.channels[channel]
    return _Way(
        sender,
        TokenBucket(policy.per_second, policy.burst),
        Breaker(policy.failures, policy.pause_s),
        policy.quiet and sender.disturbs,
    )


def _telling(delivery: Delivery, known: _Known) -> Telling | None:
    """Whom a delivery tells of which report; None for a unit, and where there is no address for its channel."""
    report = delivery.report
    contact = known.contacts.get((delivery.case_id, report)) if report is not None else None
    if report is None or contact is None or delivery.channel not in contact.addresses:
        return None
    return Telling(contact.refs.get(delivery.channel, ""), delivery.channel, report)


def _opted_out(delivery: Delivery, telling: Telling, known: _Known) -> bool:
    return not delivery.statutory and (telling.ref, telling.channel.value) in known.opted_out


def _put_off(span: Span, now: datetime) -> datetime:
    span.set("caseladder.outcome", "put_off")
    return now


def _told(span: Span, result: Result) -> Result:
    span.set("caseladder.outcome", result.state if result.state != "open" else "retried")
    return result
