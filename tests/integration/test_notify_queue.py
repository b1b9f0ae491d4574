"""The queue and its dispatcher on a real PostgreSQL: order, repeats, fallbacks, quiet hours, crashes, receipts."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from chassis.database import Pool, open_pool
from chassis.metrics import Metrics
from chassis.telemetry import Telemetry
from reference.load import load
from services.notify.composing import Composer
from services.notify.contacts import Contact, TooEarly, Unreachable, Who
from services.notify.dispatcher import Dispatcher, Pace
from services.notify.domain import Channel, ChannelPolicy, Planned, RetryPolicy, lane_of, message_id
from services.notify.queue import Claim, Claimed, Finished, Receipt, Result, claim, enqueue, receive, settle
from services.notify.senders import Later, Message, Outcome, Sent, Undeliverable
from services.notify.senders.catch_all import CatchAll
from services.notify.table import Table, load_notices
from tests.databases import Databases
from tests.intake_kit import GULOU, TRACE
from tests.notify_kit import SOMEBODY, Known, Scripted

MORNING = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
NIGHT = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
"""Ten and twenty-three o'clock in Shanghai."""
PACE = Pace(poll_s=0.005, pause_s=0.02, send_s=2.0, lease_s=60)
PATIENCE_S = 20
EASY = ChannelPolicy(quiet=True, per_second=1000, burst=1000, failures=1000, pause_s=1)


@pytest.fixture(scope="module")
def table() -> Table:
    """Gulou's texts, with pauses short enough to wait for and channels that bear anything."""
    jurisdiction = load(GULOU)
    found = load_notices(GULOU, jurisdiction)
    retry = RetryPolicy(first_s=0.002, factor=1, longest_s=1, attempts=4)
    return replace(found, notices=replace(found.notices, retry=retry, channels=dict.fromkeys(Channel, EASY)))


@pytest.fixture(scope="module")
def composer(table: Table) -> Composer:
    return Composer(table, load(GULOU), "http://t")


@dataclass
class Post:
    """A queue in a database, and who works on it."""

    pool: Pool
    table: Table
    composer: Composer
    now: datetime = MORNING
    known: Known = field(default_factory=lambda: Known(SOMEBODY))
    metrics: Metrics = field(default_factory=Metrics)
    numbers: int = 0
    started: float = field(default_factory=monotonic)

    def planned(
        self, report: UUID, *channels: Channel, statutory: bool = False, urgent: bool = False
    ) -> Planned:
        """The next notice to a reporter."""
        self.numbers += 1
        event = f"router/{report}/{self.numbers}"
        recipient = f"report/{report}"
        first, *others = channels or (Channel.SMS,)
        return Planned(
            message_id=message_id(event, recipient, first),
            lane=lane_of(recipient, urgent=urgent),
            event_id=event,
            case_id=report,
            recipient=recipient,
            channel=first,
            others=tuple(others),
            template="redo",
            facts={"unit": "GL0101"},
            statutory=statutory,
            urgent=urgent,
            expires_at=self.now + timedelta(hours=72),
            traceparent=TRACE,
        )

    def clock(self) -> datetime:
        """The time of the dispatchers: `now`, and it goes on."""
        return self.now + timedelta(seconds=monotonic() - self.started)

    async def put(self, *planned: Planned) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await enqueue(connection, [(one, self.now) for one in planned])

    def dispatcher(
        self, senders: Mapping[Channel, Scripted | CatchAll], table: Table | None = None
    ) -> Dispatcher:
        return Dispatcher(
            (table or self.table).notices,
            self.composer,
            senders,
            self.known,
            lambda: self.pool,
            self.clock,
            metrics=self.metrics,
            telemetry=Telemetry(None, 0.0),
            pace=PACE,
        )

    @asynccontextmanager
    async def working(self, *dispatchers: Dispatcher) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(one.run()) for one in dispatchers]
        yield
        for one in dispatchers:
            one.stop()
        await asyncio.gather(*tasks)

    async def until(self, condition: str) -> None:
        """Wait until the condition holds for the database."""
        async with asyncio.timeout(PATIENCE_S):
            while not await self.pool.fetchval(f"SELECT {condition}"):
                await asyncio.sleep(0.005)  # polled: another connection's commit gives no signal

    async def send_all(self, **senders: Scripted) -> None:
        """Work until nothing is left in any lane."""
        async with self.working(self.dispatcher({Channel(name): one for name, one in senders.items()})):
            await self.until("NOT EXISTS (SELECT FROM notify.lane)")

    async def states(self) -> list[tuple[str, str, int, str | None]]:
        rows = await self.pool.fetch(
            "SELECT channel, state, attempts, reason FROM notify.delivery ORDER BY place, step"
        )
        return [tuple(row) for row in rows]

    def outcomes(self) -> dict[str, float]:
        text = self.metrics.text().decode()
        prefix = 'caseladder_notices_total{outcome="'
        lines = [line.removeprefix(prefix) for line in text.splitlines() if line.startswith(prefix)]
        return {line.partition('"')[0]: float(line.rpartition(" ")[2]) for line in lines}


@pytest.fixture
async def url(databases: Databases) -> AsyncIterator[str]:
    async with databases.lent("notify") as address:
        yield address


@pytest.fixture
async def post(url: str, table: Table, composer: Composer) -> AsyncIterator[Post]:
    pool = await open_pool(url)
    yield Post(pool, table, composer)
    await pool.close()


async def test_a_failed_message_is_sent_again_under_its_id_and_holds_up_its_recipient_only(
    post: Post,
) -> None:
    """R-LEDGER-01: none is lost, the order of one recipient is kept, others do not wait."""
    first, second = uuid4(), uuid4()
    mine = [post.planned(first) for _ in range(3)]
    await post.put(*mine, post.planned(second))
    sms = Scripted([Later("busy"), httpx.ConnectError("refused"), TimeoutError()])
    await post.send_all(sms=sms)
    ids = [message.message_id for message in sms.messages if message.recipient == mine[0].recipient]
    wanted = [one.message_id for one in mine]
    assert list(dict.fromkeys(ids)) == wanted
    assert ids == sorted(ids, key=wanted.index)
    assert len(sms.messages) == 7
    assert {state for _, state, _, _ in await post.states()} == {"sent"}
    assert post.outcomes() == {"sent": 4.0, "retried": 3.0}


async def test_where_one_channel_cannot_the_next_one_takes_the_place(post: Post) -> None:
    """A number that there is not, and a gateway that gives up: in both cases by e-mail, before what follows."""
    report = uuid4()
    notices = [post.planned(report, Channel.SMS, Channel.EMAIL) for _ in range(3)]
    await post.put(*notices)
    sms = Scripted([Undeliverable("no_such_number"), *[Later("busy")] * 4])
    email = Scripted()
    await post.send_all(sms=sms, email=email)
    assert await post.states() == [
        ("sms", "failed", 1, "no_such_number"),
        ("email", "sent", 1, None),
        ("sms", "failed", 4, "busy"),
        ("email", "sent", 1, None),
        ("sms", "sent", 1, None),
    ]
    assert [message.event_id for message in email.messages] == [one.event_id for one in notices[:2]]
    assert {m.message_id for m in email.messages}.isdisjoint(m.message_id for m in sms.messages)


async def test_in_the_quiet_hours_only_what_is_urgent_goes_out(post: Post) -> None:
    """R-HOT-13: the rest waits for eight o'clock, and what nobody is disturbed by does not wait at all."""
    post.now = NIGHT
    report = uuid4()
    await post.put(
        post.planned(report), post.planned(report, urgent=True), post.planned(uuid4(), Channel.WECHAT)
    )
    sms = Scripted()
    kept = CatchAll(lambda: post.pool, post.clock)
    async with post.working(post.dispatcher({Channel.SMS: sms, Channel.WECHAT: kept})):
        await post.until("(SELECT count(*) FROM notify.delivery WHERE state IN ('sent', 'delivered')) = 2")
        assert [(one[0], one[1]) for one in await post.states()] == [
            ("sms", "open"),
            ("sms", "sent"),
            ("wechat", "delivered"),
        ]
        post.now = NIGHT + timedelta(hours=9)
        await post.until("NOT EXISTS (SELECT FROM notify.lane)")
    assert len(sms.messages) == 2


async def test_what_comes_too_late_is_not_sent_at_all(post: Post) -> None:
    await post.put(post.planned(uuid4(), Channel.SMS, Channel.EMAIL))
    post.now += timedelta(hours=73)
    sms = Scripted()
    await post.send_all(sms=sms, email=sms)
    assert (sms.messages, await post.states()) == ([], [("sms", "expired", 0, "too_late")])


async def test_who_opted_out_of_a_channel_gets_the_next_one_and_what_the_law_demands(post: Post) -> None:
    """R-PET-02, R-PRIV-01: by a digest of the address; a statutory notice cannot be opted out of."""
    await post.pool.execute("INSERT INTO notify.opt_out VALUES ('aa', 'sms', now(), 'op-1')")
    report = uuid4()
    await post.put(
        post.planned(report, Channel.SMS, Channel.EMAIL),
        post.planned(report, Channel.SMS),
        post.planned(report, Channel.SMS, statutory=True),
    )
    await post.send_all(sms=Scripted(), email=Scripted())
    assert await post.states() == [
        ("sms", "opted_out", 0, "opted_out"),
        ("email", "sent", 1, None),
        ("sms", "opted_out", 0, "opted_out"),
        ("sms", "sent", 1, None),
    ]


async def test_one_address_is_told_of_so_many_reports_an_hour(post: Post) -> None:
    """R-PRIV-01: who files cases in another's name floods nobody; what was begun goes on, nothing is lost."""
    sparing = replace(EASY, reports_an_hour=2)
    notices = replace(post.table.notices, channels=dict.fromkeys(Channel, sparing))
    worker = post.dispatcher({Channel.SMS: (sms := Scripted())}, replace(post.table, notices=notices))
    reports = [uuid4() for _ in range(4)]
    begun = [post.planned(report) for report in reports[:2]]
    await post.put(*begun, *(post.planned(report) for report in reports[2:]))
    async with post.working(worker):
        await post.until("count(*) = 2 FROM notify.delivery WHERE state = 'sent'")
        await post.until(f"count(*) = 2 FROM notify.lane WHERE next_at > '{MORNING + timedelta(minutes=50)}'")
        told = {message.recipient for message in sms.messages}
        again = next(report for report in reports if f"report/{report}" in told)
        await post.put(post.planned(again))
        await post.until("count(*) = 3 FROM notify.delivery WHERE state = 'sent'")
        post.now = MORNING + timedelta(minutes=61)
        await post.until("NOT EXISTS (SELECT FROM notify.lane)")
    assert {message.recipient for message in sms.messages} == {f"report/{report}" for report in reports}


async def test_nothing_is_sent_blindly_while_intake_is_away_and_nothing_to_who_was_erased(post: Post) -> None:
    """R-PRIV-01: recipients are asked for at the moment of sending; no attempt is counted meanwhile."""

    class Away(Known):
        async def read(self, whom: object) -> Mapping[Who, Contact]:
            self.asked += 1
            if self.asked < 3:
                raise Unreachable("intake does not answer")
            return {}

    post.known = Away(SOMEBODY)
    await post.put(post.planned(uuid4()))
    sms = Scripted()
    async with post.working(dispatcher := post.dispatcher({Channel.SMS: sms})):
        async with asyncio.timeout(PATIENCE_S):
            while dispatcher.trouble is None:
                await asyncio.sleep(0.001)  # polled: the property has no event
        assert dispatcher.trouble == "intake does not answer"
        await post.until("NOT EXISTS (SELECT FROM notify.lane)")
        assert dispatcher.trouble is None
    assert (sms.messages, await post.states()) == ([], [("sms", "cancelled", 0, "no_address")])


async def test_an_outage_is_over_with_the_first_round_that_succeeds(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nothing is due: /readyz would call the service unwell for good."""

    async def away(*_: object) -> list[Claimed]:
        raise ConnectionRefusedError("no database")

    async with post.working(dispatcher := post.dispatcher({})), asyncio.timeout(PATIENCE_S):
        with monkeypatch.context() as outage:
            outage.setattr("services.notify.dispatcher.claim", away)
            while dispatcher.trouble is None:
                await asyncio.sleep(0.001)  # polled: the property has no event
        assert dispatcher.trouble.startswith("nothing is sent: ConnectionRefusedError")
        while dispatcher.trouble is not None:
            await asyncio.sleep(0.001)


async def test_what_asks_for_an_answer_waits_for_its_link(post: Post) -> None:
    """R-HOT-08, R-PRIV-01: fetched for the sending, kept nowhere; no attempt is counted while there is none."""
    path = "/c/planted-link"
    post.known.paths = [TooEarly(), Unreachable("intake answers 503"), path, None]
    report = uuid4()
    first, over = (replace(post.planned(report), template="callback", facts={}) for _ in range(2))
    await post.put(first, over, post.planned(report))
    sms = Scripted()
    await post.send_all(sms=sms)
    assert [message.name for message in sms.messages] == ["callback", "redo"]
    assert path in sms.messages[0].text
    assert path not in sms.messages[1].text
    assert await post.states() == [
        ("sms", "sent", 1, None),
        ("sms", "cancelled", 0, "callback_over"),
        ("sms", "sent", 1, None),
    ]
    assert not await post.pool.fetch("SELECT FROM notify.delivery d WHERE d::text LIKE '%planted%'")


async def test_a_process_that_dies_after_sending_repeats_the_message_under_the_same_id(post: Post) -> None:
    """None is lost; the dead process's claim is void, and what it would still say is not heard."""
    planned = post.planned(uuid4())
    await post.put(planned)
    async with post.pool.acquire() as connection:
        (dead,) = await claim(
            connection, [Claim(Channel.SMS, False, 10, post.now)], post.now + timedelta(seconds=30)
        )
        assert await claim(connection, [Claim(Channel.SMS, False, 10, post.now)], post.now) == []
    assert [one.message_id for one in dead.deliveries] == [planned.message_id]
    post.now += timedelta(seconds=31)
    sms = Scripted()
    async with post.working(post.dispatcher({Channel.SMS: sms})):
        await post.until("NOT EXISTS (SELECT FROM notify.lane)")
    assert [one.message_id for one in sms.messages] == [planned.message_id]
    late = Result(planned.message_id, "failed", 9, "from the grave")
    async with post.pool.acquire() as connection:
        await settle(connection, [Finished(dead.lane, dead.owner, (late,), None)], post.now)
    assert await post.states() == [("sms", "sent", 1, None)]


async def test_what_is_queued_while_a_lane_is_let_go_is_not_forgotten(post: Post, url: str) -> None:
    """Whoever finds a lane empty waits for those who are adding to it."""
    report = uuid4()
    await post.put(post.planned(report))
    async with post.pool.acquire() as connection:
        (held,) = await claim(connection, [Claim(Channel.SMS, False, 1, post.now)], post.now)
    adding = await asyncpg.connect(url)
    try:
        change = adding.transaction()
        await change.start()
        await enqueue(adding, [(post.planned(report), post.now)])
        done = Result(held.deliveries[0].message_id, "sent", 1)

        async def let_go() -> None:
            async with post.pool.acquire() as connection:
                await settle(connection, [Finished(held.lane, held.owner, (done,), None)], post.now)

        letting = asyncio.create_task(let_go())
        await post.until("EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        await change.commit()
        await letting
    finally:
        await adding.close()
    assert await post.pool.fetchval("SELECT count(*) FROM notify.lane WHERE owner IS NULL") == 1
    await post.send_all(sms=Scripted())
    assert {state for _, state, _, _ in await post.states()} == {"sent"}


async def test_two_processes_share_the_work_and_no_message_goes_out_twice(post: Post) -> None:
    reports = [uuid4() for _ in range(20)]
    planned = [post.planned(report) for _ in range(10) for report in reports]
    await post.put(*planned)
    one, other = Scripted(), Scripted()
    async with post.working(post.dispatcher({Channel.SMS: one}), post.dispatcher({Channel.SMS: other})):
        await post.until("NOT EXISTS (SELECT FROM notify.lane)")
    sent = [message.message_id for message in one.messages + other.messages]
    assert (len(sent), set(sent)) == (200, {message.message_id for message in planned})
    for sender in (one, other):
        for report in reports:
            ids = [m.message_id for m in sender.messages if m.case_id == report]
            assert ids == [p.message_id for p in planned if p.case_id == report and p.message_id in ids]


async def test_a_broken_provider_is_left_alone_until_it_works_again(post: Post, table: Table) -> None:
    """The circuit opens after three failures in a row: the others' attempts are not used up against a wall."""
    careful = replace(EASY, failures=3, pause_s=0.05)
    channels = {**table.notices.channels, Channel.SMS: careful}
    strict = replace(table, notices=replace(table.notices, channels=channels))
    await post.put(*(post.planned(uuid4()) for _ in range(30)))
    pace = replace(PACE, lanes=1)
    sms = Scripted([Later("down")] * 4)
    dispatcher = post.dispatcher({Channel.SMS: sms}, strict)
    dispatcher._pace = pace
    async with post.working(dispatcher):
        await post.until("NOT EXISTS (SELECT FROM notify.lane)")
    assert len(sms.messages) == 34
    assert post.outcomes() == {"sent": 30.0, "retried": 4.0}


async def test_a_rate_is_kept(post: Post, table: Table) -> None:
    """Beyond the burst, messages wait for their turn; none is dropped."""

    @dataclass
    class Timed(Scripted):
        at: list[float] = field(default_factory=list)

        async def send(self, message: Message) -> Outcome:
            self.at.append(asyncio.get_running_loop().time())
            return await super().send(message)

    slow = replace(EASY, per_second=100, burst=5)
    limited = replace(table, notices=replace(table.notices, channels=dict.fromkeys(Channel, slow)))
    await post.put(*(post.planned(uuid4()) for _ in range(25)))
    sms = Timed()
    async with post.working(post.dispatcher({Channel.SMS: sms}, limited)):
        await post.until("NOT EXISTS (SELECT FROM notify.lane)")
    assert len(sms.messages) == 25
    # Not how long it took, but how much went out in how long: never more than the bucket holds and gains.
    assert all(n <= 5 + (at - sms.at[0]) * 100 + 1 for n, at in enumerate(sms.at, 1))


async def test_who_may_be_told_at_once_is_asked_for_at_once(post: Post, table: Table) -> None:
    """What the rate lets pass between two rounds goes out in one: not a question to intake for each message."""
    slow = replace(EASY, per_second=200, burst=5, reports_an_hour=100)
    limited = replace(table, notices=replace(table.notices, channels=dict.fromkeys(Channel, slow)))
    await post.put(*(post.planned(uuid4()) for _ in range(25)))
    sms = Scripted()
    dispatcher = post.dispatcher({Channel.SMS: sms}, limited)
    dispatcher._pace = replace(PACE, poll_s=0.05)
    async with post.working(dispatcher):
        await post.until("NOT EXISTS (SELECT FROM notify.lane)")
    assert len(sms.messages) == 25
    assert post.known.asked <= 8


async def test_receipts_say_what_arrived_and_what_has_to_take_another_way(post: Post) -> None:
    """A receipt may come twice, or before we have recorded that the message was sent."""
    report = uuid4()
    arrived, lost, early = (post.planned(report, Channel.SMS, Channel.EMAIL) for _ in range(3))
    await post.put(arrived, lost)
    await post.send_all(sms=Scripted([Sent("biz-1"), Sent("biz-2")]))
    await post.put(early)
    told = [
        Receipt(arrived.message_id, True),
        Receipt(lost.message_id, False, "MK:0001"),
        Receipt(early.message_id, True),
        Receipt(uuid4(), True),
    ]
    async with post.pool.acquire() as connection, connection.transaction():
        assert await receive(connection, told, post.now) == 3
        assert await receive(connection, told, post.now) == 0
    email = Scripted()
    await post.send_all(sms=Scripted(), email=email)
    assert await post.states() == [
        ("sms", "delivered", 1, None),
        ("sms", "failed", 1, "MK:0001"),
        ("email", "sent", 1, None),
        ("sms", "delivered", 0, None),
    ]
    assert [message.event_id for message in email.messages] == [lost.event_id]


async def test_a_notice_without_a_text_in_todays_file_does_not_hold_up_the_rest(post: Post) -> None:
    report = uuid4()
    stale = replace(post.planned(report), template="no-longer-there")
    await post.put(stale, post.planned(report))
    await post.send_all(sms=Scripted())
    assert [(state, reason) for _, state, _, reason in await post.states()] == [
        ("failed", "no_text"),
        ("sent", None),
    ]


async def test_who_waits_too_long_for_a_broken_channel_is_told_by_the_next(post: Post, table: Table) -> None:
    """While the circuit is open no attempts are used up; after the policy's time the other channel is taken."""
    broken = replace(EASY, failures=1, pause_s=1000)
    channels = {**table.notices.channels, Channel.WECHAT: broken}
    strict = replace(table, notices=replace(table.notices, channels=channels))
    await post.put(*(post.planned(uuid4(), Channel.WECHAT, Channel.SMS) for _ in range(3)))
    wechat, sms = Scripted([Later("down")] * 3), Scripted()
    dispatcher = post.dispatcher({Channel.WECHAT: wechat, Channel.SMS: sms}, strict)
    dispatcher._pace = replace(PACE, lanes=1)
    async with post.working(dispatcher):
        await post.until("EXISTS (SELECT FROM notify.delivery WHERE attempts = 1)")
        assert sms.messages == []
        post.now += timedelta(minutes=31)
        await post.until("NOT EXISTS (SELECT FROM notify.lane)")
    assert (len(wechat.messages), len(sms.messages)) == (1, 3)
    assert {(channel, state) for channel, state, _, _ in await post.states()} == {
        ("wechat", "failed"),
        ("sms", "sent"),
    }


async def test_what_waits_for_a_channel_that_lost_its_sender_takes_the_next(post: Post) -> None:
    """A provider that is no longer named leaves nothing behind in the queue."""
    await post.put(post.planned(uuid4(), Channel.EMAIL, Channel.SMS), post.planned(uuid4(), Channel.EMAIL))
    await post.send_all(sms=Scripted())
    assert await post.states() == [
        ("email", "failed", 0, "no_sender"),
        ("sms", "sent", 1, None),
        ("email", "failed", 0, "no_sender"),
    ]
