"""What notify decides: who is told by which way, when it may go out, what a failure leads to."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid5

import pytest

from reference.load import load
from schemas import intake as i
from schemas import router as r
from schemas.envelope import Envelope
from schemas.message import Event
from schemas.values import Place, PlaceSource, Reach
from services.notify.domain import (
    Channel,
    Planned,
    Planner,
    QuietHours,
    Reporter,
    RetryPolicy,
    lane_of,
    message_id,
)
from services.notify.domain.limits import Breaker, TokenBucket
from services.notify.projection import catalogue, may_begin
from services.notify.table import Table, load_notices
from tests.intake_kit import GULOU, TRACE
from tests.notify_kit import dispatched

CASE, OTHER = UUID(int=7), UUID(int=8)
AT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
EVERY = frozenset(Reach)


@pytest.fixture(scope="module")
def table() -> Table:
    return load_notices(GULOU, load(GULOU))


def envelope(event: Event, source: str = "router", case_id: UUID = CASE) -> Envelope:
    return Envelope(source, case_id, 3, event.type, AT, event.topic(), TRACE, event.model_dump_json())


def plan(table: Table, event: Event, *reporters: Reporter, **planner: Any) -> list[Planned]:
    given = {"available": set(Channel)} | planner
    return Planner(table.notices, **given).plan(event, envelope(event), reporters, AT)


def told(found: list[Planned]) -> set[tuple[str, str, str]]:
    return {(one.recipient, one.channel.value, one.template) for one in found}


def test_one_delivery_for_each_recipient_and_the_rest_of_the_channels_behind_it(table: Table) -> None:
    """R-LEDGER-01: the resident, those who reported the same, the unit and its helpers."""
    own, same = Reporter(CASE, CASE, EVERY), Reporter(OTHER, CASE, frozenset({Reach.PHONE}))
    seat = r.SeatGiven(unit="GL-CITY", number=2)
    found = plan(table, dispatched(helpers=(seat,)), own, same, endpoints={"GL-CITY"})
    assert told(found) == {
        (f"report/{CASE}", "wechat", "dispatched"),
        (f"report/{OTHER}", "sms", "dispatched"),
        ("unit/GL0101", "inbox", "order"),
        ("unit/GL-CITY", "inbox", "order-helper"),
        ("unit/GL-CITY", "webhook", "order-helper"),
    }
    first = next(one for one in found if one.channel is Channel.WECHAT)
    assert (first.others, first.facts) == ((Channel.SMS, Channel.EMAIL), {"unit": "GL0101"})
    assert first.expires_at == AT + timedelta(hours=72)
    assert len({one.message_id for one in found}) == len(found)


def test_the_message_id_is_a_function_of_event_recipient_and_channel(table: Table) -> None:
    own = Reporter(CASE, CASE, EVERY)
    once, again = (plan(table, dispatched(), own) for _ in range(2))
    assert [one.message_id for one in once] == [one.message_id for one in again]
    assert message_id("a", "b", "sms") != message_id("a", "b", "email")
    namespace = UUID(
        "6f1f4f0e-5d0c-4d5e-9a53-2b6c1a7c0e11"
    )  # never another: what was sent would be sent again
    assert message_id("路灯/1", "b", "sms") == uuid5(namespace, "路灯/1\nb\nsms")


def test_a_linked_report_hears_of_its_own_event_and_a_stranger_of_none(table: Table) -> None:
    """R-PET-18, R-HOT-03."""
    linked = r.CaseLinked(to=OTHER, unit="GL-HOTLINE", route=r.Route(policy="p", jurisdiction="j"))
    moved = Reporter(CASE, OTHER, EVERY)
    assert told(plan(table, linked, moved, Reporter(OTHER, OTHER, EVERY))) == {
        (f"report/{CASE}", "wechat", "linked")
    }


def test_a_channel_without_a_sender_or_an_address_is_left_out(table: Table) -> None:
    own = Reporter(CASE, CASE, frozenset({Reach.PHONE, Reach.EMAIL}))
    (only,) = plan(table, dispatched(), own, available={Channel.EMAIL, Channel.WECHAT})
    assert (only.channel, only.others) == (Channel.EMAIL, ())
    assert plan(table, dispatched(), Reporter(CASE, CASE, frozenset()), available={Channel.SMS}) == []


def test_rows_apply_only_to_the_values_they_ask_for(table: Table) -> None:
    """R-PET-10, R-LAD-06: sealed matter is told without a unit; the lawful review only to the unsatisfied."""
    own = Reporter(CASE, CASE, frozenset({Reach.PHONE}))
    found = r.Registration(judgement=r.Judgement(by=r.TriagedBy.HUMAN, track="L", urgency=4), sealed=True)
    sealed = plan(table, dispatched("GL-PETITION", registered=found), own)
    assert {one.template for one in sealed} == {"sealed", "order-sealed"}
    assert all(one.facts == {} for one in sealed)
    assert plan(table, dispatched(procedure="petition"), own, available={Channel.SMS}) == []
    for outcome, template in (
        (r.Outcome.RESOLVED, "closed"),
        (r.Outcome.UNSATISFIED, "closed-unsatisfied"),
        (r.Outcome.WITHDRAWN, "closed-withdrawn"),
    ):
        (one,) = plan(table, r.CaseClosed(outcome=outcome), own)
        assert one.template == template
        assert one.statutory is (outcome is r.Outcome.UNSATISFIED)


def test_an_urgent_notice_has_a_lane_of_its_own(table: Table) -> None:
    """R-HOT-13: a danger does not stand in line behind what waits for the morning."""
    own = Reporter(CASE, CASE, EVERY)
    route = r.Route(policy="p", jurisdiction="j")
    (danger,) = plan(table, r.EmergencyTransferred(line="119", words="着火", route=route), own)
    assert (danger.urgent, danger.lane) == (True, lane_of(own.name, urgent=True))
    assert danger.lane != lane_of(own.name, urgent=False)


def test_personal_numbers_in_facts_are_masked(table: Table) -> None:
    """R-PRIV-01: what staff wrote into an event is kept here with numbers masked."""
    instructed = r.CaseInstructed(
        unit="GL01", leader="王主任13800138000", note="请办理", handle_by=AT + timedelta(days=1)
    )
    (one,) = plan(table, instructed)
    assert one.facts["leader"] == "王主任〔电话〕"


def test_frequent_events_are_read_without_what_nobody_uses(table: Table) -> None:
    """The same is planned of them; words and terms are not even looked at."""
    classes = catalogue(table.notices)
    assert set(table.notices.by_event) < set(classes)
    own = Reporter(CASE, CASE, EVERY)
    queued = r.TriageQueued(
        route=r.Route(policy="p", jurisdiction="j"), unit="GL-HOTLINE", reason=r.QueueReason.LOW_CONFIDENCE
    )
    for event in (dispatched(helpers=(r.SeatGiven(unit="GL-CITY", number=2),)), queued):
        given = envelope(event)
        lean = classes[event.type].model_validate_json(given.data)
        planner = Planner(table.notices, set(Channel), {"GL-CITY"})
        found = planner.plan(lean, given, [own], AT)
        assert found
        assert found == planner.plan(event, given, [own], AT)
        assert {"terms", "route"}.isdisjoint(type(lean).model_fields)
    assert {"title", "text"}.isdisjoint(classes[i.CaseSubmitted.type].model_fields)


def test_submissions_that_concern_nobody_are_passed_over_unread() -> None:
    """A case without an address or a subject costs notify no more than a look at its text."""

    def submitted(**changes: Any) -> Envelope:
        plain: dict[str, Any] = {
            "channel": "web",
            "received_at": AT,
            "title": '"reachable_by":["phone"]',
            "text": "路灯坏了",
            "place": Place(source=PlaceSource.UNKNOWN),
        }
        return envelope(i.CaseSubmitted(**plain | changes), "intake")

    assert not may_begin(submitted())
    assert may_begin(submitted(reachable_by=(Reach.PHONE,)))
    assert may_begin(submitted(subjects=("GL01",)))
    assert may_begin(envelope(dispatched()))


@pytest.mark.parametrize(
    ("clock", "until"),
    [
        ("2026-11-24T20:59:59+08:00", None),
        ("2026-11-24T21:00:00+08:00", "2026-11-25T08:00:00+08:00"),
        ("2026-11-25T00:30:00+08:00", "2026-11-25T08:00:00+08:00"),
        ("2026-11-24T23:59:59Z", "2026-11-25T08:00:00+08:00"),
        ("2026-11-25T00:00:00Z", None),
    ],
)
def test_quiet_hours_go_over_midnight_in_shanghai(clock: str, until: str | None) -> None:
    quiet = QuietHours(time(21), time(8))
    assert quiet.until(datetime.fromisoformat(clock)) == (datetime.fromisoformat(until) if until else None)


def test_quiet_hours_within_a_day() -> None:
    noon = QuietHours(time(12), time(14))
    at = datetime.fromisoformat("2026-11-24T13:00:00+08:00")
    assert noon.until(at) == at.replace(hour=14)
    assert noon.until(at.replace(hour=15)) is None


def test_pauses_double_up_to_the_longest_and_are_jittered_and_end() -> None:
    policy = RetryPolicy(first_s=10, factor=2, longest_s=60, attempts=6)
    full = [policy.next(attempt, AT, 1.0) for attempt in range(1, 7)]
    assert [(one - AT).total_seconds() if one else None for one in full] == [10, 20, 40, 60, 60, None]
    half = policy.next(1, AT, 0.0)
    assert half is not None
    assert (half - AT).total_seconds() == 5


def test_a_bucket_lets_its_burst_through_and_then_its_rate() -> None:
    bucket = TokenBucket(per_second=2, burst=3)
    assert bucket.available(100.0) == 3
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(100.5), bucket.take(100.6)] == [True, False]
    assert bucket.available(1000.0) == 3


def test_a_circuit_opens_tries_one_and_closes() -> None:
    breaker = Breaker(failures=2, pause_s=30)
    assert breaker.allowed(0) is None
    breaker.failed(0)
    assert breaker.begin(0)
    breaker.failed(1)
    assert (breaker.is_open, breaker.begin(20), breaker.allowed(30.9)) == (True, False, 0)
    assert (breaker.allowed(31), breaker.begin(31), breaker.begin(31)) == (1, True, False)
    breaker.failed(32)
    assert (breaker.allowed(61), breaker.allowed(62)) == (0, 1)
    assert breaker.begin(62)
    breaker.gave_up()
    assert breaker.begin(63)
    breaker.worked()
    assert breaker.allowed(63) is None


def test_facts_are_told_in_words_and_the_order_of_the_file_is_kept(table: Table) -> None:
    events = list(table.notices.by_event)
    assert events[0] == "router.TriageQueued.v1"
    rows = table.notices.by_event["router.CaseClosed.v1"]
    assert [row.template for row in rows] == [
        "closed",
        "closed-unsatisfied",
        "closed-withdrawn",
        "order-closed",
    ]
    assert all(a != b for a, b in pairwise(rows))
    assert replace(rows[0], when={}).applies(r.CaseClosed(outcome=r.Outcome.WITHDRAWN))
