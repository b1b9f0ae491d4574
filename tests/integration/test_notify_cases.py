"""Notify beside intake: who is told, by which way, in which words, and what stays unknown here."""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from pydantic import SecretStr

from chassis.http import Role
from chassis.migrate import CHASSIS
from schemas import router as r
from schemas.petition import PetitionSubjectsNamed
from schemas.values import Evidence
from services.notify.senders.webhook import signature
from tests.databases import Databases
from tests.intake_kit import body
from tests.notify_kit import Notify, dispatched, notifying

PHONE = "13812345678"
OPENID = "oZz_Reporter-77"


@pytest.fixture
async def url(databases: Databases) -> AsyncIterator[str]:
    async with databases.lent(CHASSIS, "intake", "notify") as address:
        yield address


@pytest.fixture
async def notify(url: str, tmp_path: Path) -> AsyncIterator[Notify]:
    async with notifying(url, tmp_path) as running:
        yield running


async def test_the_reporter_is_told_in_their_language_and_the_unit_in_its_inbox(notify: Notify) -> None:
    """R-LEDGER-01, R-PRIV-01: with the tracking code; phone and name are in no table of notify."""
    reporter = {"phone": PHONE, "name": "王小明", "language": "en"}
    case = await notify.intake.accepted(body(reporter=reporter))
    await notify.say(case["case_id"], dispatched())
    (message,) = await notify.caught(case["case_id"], 1)
    assert message["channel"] == "sms"
    assert message["text"].startswith(f"Your request ({case['case_id'][-8:]}) was sent to 博苑社区")
    assert case["tracking_code"] in message["text"]
    inbox = await notify.ask("GET /v1/units/GL0101/inbox", Role.HANDLER, "GL0101")
    (item,) = inbox.json()["items"]
    assert item["text"].startswith(f"新工单{case['case_id'][-8:]}")
    assert item["read_at"] is None
    tables = await notify.pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'notify'")
    for table in tables:
        rows = await notify.pool.fetch(f"SELECT t::text FROM notify.{table[0]} t")
        assert not [row for row in rows if PHONE in row[0] or "王小明" in row[0]]
    logged = await notify.pool.fetch("SELECT role, purpose, outcome FROM intake.access_log")
    assert [tuple(row) for row in logged] == [("notifier", "to tell the reporter of the case", "read")]


async def test_the_first_channel_by_which_the_reporter_is_reached_is_used(notify: Notify) -> None:
    case = await notify.intake.accepted(body(reporter={"phone": PHONE, "wechat": OPENID}))
    await notify.say(case["case_id"], dispatched())
    (message,) = await notify.caught(case["case_id"], 1)
    assert message["channel"] == "wechat"
    assert (await notify.intake.events(case["case_id"]))[0]["reachable_by"] == ["phone", "wechat"]


async def test_nobody_is_asked_for_where_nobody_can_be_told(notify: Notify) -> None:
    """R-PRIV-01: an anonymous report makes no delivery, and no one looks the person up."""
    case = await notify.intake.accepted(body(reporter={"anonymous": True}))
    await notify.say(case["case_id"], dispatched(), r.CaseClosed(outcome=r.Outcome.RESOLVED, unit="GL0101"))
    await notify.heard()
    assert await notify.pool.fetchval("SELECT count(*) FROM notify.delivery") == 0
    assert await notify.pool.fetchval("SELECT count(*) FROM notify.inbox_item") == 2
    assert await notify.intake.count("access_log") == 0


async def test_co_reporters_are_told_too_each_with_the_own_code(notify: Notify) -> None:
    """R-PET-18, R-LEDGER-01: until they withdraw."""
    first = await notify.intake.accepted(body(reporter={"phone": PHONE}))
    again = await notify.intake.accepted(body(reporter={"phone": PHONE}))
    (said,) = await notify.intake.events(again["case_id"], "CaseSubmitted")
    assert said["repeat_of"] == first["case_id"]
    assert said["new_facts"] is False
    await notify.say(first["case_id"], dispatched())
    messages = await notify.caught(first["case_id"], 2)
    codes = {first["tracking_code"], again["tracking_code"]}
    assert {code for code in codes for message in messages if code in message["text"]} == codes
    assert {message["recipient"] for message in messages} == {
        f"report/{first['case_id']}",
        f"report/{again['case_id']}",
    }
    headers = notify.intake.operator
    answer = await notify.intake.client.post(
        f"/v1/cases/{again['case_id']}/withdrawal", json={"reason": "已解决"}, headers=headers
    )
    assert answer.status_code == 200, answer.text
    await notify.say(first["case_id"], r.RedoOrdered(unit="GL0101", reason="仍未解决"))
    await notify.heard()
    assert len(await notify.caught(first["case_id"], 3)) == 3


async def test_who_is_asked_for_an_answer_gets_the_signed_link(notify: Notify) -> None:
    """R-HOT-08, R-PET-18: each reporter to the own report; of two that one person made, to the first alone."""
    first = await notify.intake.accepted(body(reporter={"phone": PHONE}))
    case = first["case_id"]
    joined = await notify.intake.client.post(
        f"/v1/cases/{case}/co-reporters",
        json={"reporter": {"phone": "13900139000"}},
        headers=notify.intake.operator,
    )
    other = joined.json()["case_id"]
    await notify.intake.accepted(body(reporter={"phone": PHONE}))
    await notify.say(case, r.CaseReplied(unit="GL0101", result="已修好", solved=True))
    await notify.say(case, r.CallbackOpened(reason="replied"))
    messages = await notify.caught(case, 5)
    asked = {one["recipient"]: one["text"] for one in messages if "/c/" in one["text"]}
    assert sorted(asked) == sorted([f"report/{case}", f"report/{other}"])
    for report, text in asked.items():
        link = text.partition("http://intake")[2]
        page = await notify.intake.client.get(link, headers={"accept": "application/json"})
        own = report == f"report/{case}"
        assert page.json()["state"] == "open"
        assert page.json()["reply"] == ("博苑社区答复：已修好" if own else None)


async def inbox(notify: Notify, unit: str) -> list[str]:
    """The notices that a unit finds when notify has heard all."""
    await notify.heard()
    items = (await notify.ask(f"GET /v1/units/{unit}/inbox", Role.HANDLER, unit)).json()["items"]
    return [item["notice"] for item in items]


async def subjects(notify: Notify) -> set[str]:
    """Whom notify knows to be complained of."""
    return {row[0] for row in await notify.pool.fetch("SELECT unit FROM notify.subject")}


def judged(by: r.TriagedBy, *complained_of: str) -> r.Registration:
    return r.Registration(judgement=r.Judgement(by=by, track="S", urgency=3), subjects=complained_of)


async def test_the_unit_complained_of_hears_nothing_and_keeps_nothing(notify: Notify) -> None:
    """R-LAD-04, R-HOT-14: neither what comes after nor, once it is known, what came before."""
    case = await notify.intake.accepted(body())
    await notify.say(case["case_id"], dispatched("GL0101"))
    await notify.heard()
    inbox = "GET /v1/units/GL0101/inbox"
    assert len((await notify.ask(inbox, Role.HANDLER, "GL0101")).json()["items"]) == 1
    await notify.say(
        case["case_id"],
        dispatched("GL01", subjects=("GL0101",)),
        r.DeadlineReminded(unit="GL0101", term="handle"),
    )
    await notify.heard()
    assert (await notify.ask(inbox, Role.HANDLER, "GL0101")).json()["items"] == []
    assert len((await notify.ask("GET /v1/units/GL01/inbox", Role.HANDLER, "GL01")).json()["items"]) == 1


async def test_whom_words_accuse_keeps_nothing_until_a_human_clears_it(notify: Notify) -> None:
    """R-LAD-04, R-HOT-14: cleared, it hears of the case as before; so does not whom the human names."""
    case = (await notify.intake.accepted(body(subjects=["GL0102"])))["case_id"]
    await notify.say(case, dispatched("GL0101"))
    assert await inbox(notify, "GL0101") == ["order"]
    accusing = r.TriageQueued(
        route=r.Route(policy="p", jurisdiction="j"),
        registered=judged(r.TriagedBy.ENGINE, "GL0102", "GL0101"),
        unit="GL-HOTLINE",
        reason=r.QueueReason.POLICY,
        taken_from="GL0101",
    )
    await notify.say(case, accusing)
    assert await inbox(notify, "GL0101") == []
    cleared = dispatched("GL0101", registered=judged(r.TriagedBy.HUMAN, "GL0102"))
    await notify.say(case, cleared)
    assert await inbox(notify, "GL0101") == ["order", "order"]
    assert await subjects(notify) == {"GL0102"}
    await notify.say(case, accusing, dispatched("GL01", registered=judged(r.TriagedBy.HUMAN, "GL0101")))
    assert (await inbox(notify, "GL0101"), await inbox(notify, "GL01")) == ([], ["order"])
    assert await subjects(notify) == {"GL0101"}


async def test_who_was_recused_or_accused_in_passing_hears_of_the_case_again_when_cleared(
    notify: Notify,
) -> None:
    """R-LAD-04, R-HOT-14: a helper and a bystander, by words or by staff; in one batch as in several. Whom a
    petition complains of the human at the queue does not clear."""
    row = r.Fired(table="escalations", row="subject-skipped", source="R-LAD-04")
    declared = (Evidence(kind="interest_declaration", reference="doc-1"),)
    helped = dispatched("GL01", helpers=(r.SeatGiven(unit="GL0101", number=2),))
    recused = r.HelpersRecused(
        unit="GL01", helpers=helped.helpers, subjects=("GL0101", "GL0103"), evidence=declared, row=row
    )
    case = (await notify.intake.accepted(body()))["case_id"]
    await notify.say(case, helped)
    assert await inbox(notify, "GL0101") == ["order-helper"]
    await notify.say(case, recused)
    assert (await inbox(notify, "GL0101"), await subjects(notify)) == ([], {"GL0101", "GL0103"})
    await notify.say(case, dispatched("GL0101", registered=judged(r.TriagedBy.HUMAN)))
    assert await inbox(notify, "GL0101") == ["order-helper", "order"]
    cleared = dispatched("GL0103", registered=judged(r.TriagedBy.HUMAN))
    await notify.say(case, recused, cleared, r.DeadlineReminded(unit="GL0103", term="handle"))
    assert await inbox(notify, "GL0103") == ["order", "reminded"]
    await notify.say(case, cleared, recused)
    assert (await inbox(notify, "GL0103"), await subjects(notify)) == ([], {"GL0101", "GL0103"})
    named = PetitionSubjectsNamed(subjects=("GL0103",))
    await notify.say(case, named, cleared)
    assert (await inbox(notify, "GL0103"), await subjects(notify)) == ([], {"GL0103"})


async def test_the_reporter_is_told_once_that_the_case_waits(notify: Notify) -> None:
    """R-LEDGER-01: and again when it comes back to the queue, not at each word that is added meanwhile."""
    case = (await notify.intake.accepted(body(reporter={"phone": PHONE})))["case_id"]
    waits = r.TriageQueued(
        route=r.Route(policy="p", jurisdiction="j"),
        registered=judged(r.TriagedBy.ENGINE, "GL0101"),
        unit="GL-HOTLINE",
        reason=r.QueueReason.POLICY,
    )
    taken = waits.model_copy(update={"taken_from": "GL0101"})
    await notify.say(case, waits)
    await notify.say(case, waits, waits)
    await notify.say(case, dispatched("GL0101", registered=judged(r.TriagedBy.HUMAN)))
    await notify.say(case, taken)
    await notify.say(case, waits, waits, r.CaseClosed(outcome=r.Outcome.WITHDRAWN))
    await notify.heard()
    assert [notice for notice, _ in await notify.settled(case)] == [
        "queued",
        "dispatched",
        "queued",
        "closed-withdrawn",
    ]


async def test_a_stream_that_is_read_again_tells_nothing_again(notify: Notify) -> None:
    """R-LEDGER-01: each notice has one id, by which it is known, in the queue as in the inboxes."""
    case = await notify.intake.accepted(body(reporter={"phone": PHONE}))
    await notify.say(case["case_id"], dispatched())
    await notify.caught(case["case_id"], 1)
    await notify.pool.execute("UPDATE notify.stream_position SET position = ''")
    await notify.say(case["case_id"], r.DeadlineReminded(unit="GL0101", term="handle"))
    await notify.heard()
    rows = await notify.pool.fetch("SELECT template FROM notify.inbox_item ORDER BY item")
    assert [row[0] for row in rows] == ["order", "reminded"]
    assert await notify.settled(case["case_id"]) == [("dispatched", "delivered")]
    assert len(await notify.caught(case["case_id"], 1)) == 1
    assert await notify.pool.fetchval("SELECT count(*) FROM notify.reporter") == 1
    assert await notify.pool.fetchval("SELECT count(*) FROM notify.parked") == 0


async def test_what_turns_out_to_be_sealed_leaves_the_inboxes(notify: Notify) -> None:
    """R-PET-10: only its one recipient keeps a notice of it, without a word of the matter."""
    case = await notify.intake.accepted(body())
    await notify.say(case["case_id"], dispatched("GL0101"))
    sealed = r.Registration(judgement=r.Judgement(by=r.TriagedBy.HUMAN, track="L", urgency=4), sealed=True)
    await notify.say(case["case_id"], dispatched("GL-PETITION", registered=sealed))
    await notify.heard()
    rows = await notify.pool.fetch("SELECT unit, template FROM notify.inbox_item")
    assert [tuple(row) for row in rows] == [("GL-PETITION", "order-sealed")]


async def test_a_sealed_case_is_its_recipients_alone(notify: Notify) -> None:
    """R-PET-10, R-LAD-04: the centre neither reads nor stops its notices, nor those of a complaint about it."""
    sealed = r.Registration(judgement=r.Judgement(by=r.TriagedBy.HUMAN, track="L", urgency=4), sealed=True)
    accusing = await notify.intake.accepted(body(reporter={"phone": PHONE}))
    about = await notify.intake.accepted(body(reporter={"phone": PHONE}, title="投诉热线", text="热线态度差"))
    left = r.CaseRedirected(
        route=r.Route(policy="p", jurisdiction="j"),
        exit=r.NamedExit(code="TJ", name="纪检监察", source="TJ", authority="GL-PETITION"),
        registered=sealed,
    )
    await notify.say(accusing["case_id"], left)
    await notify.say(about["case_id"], dispatched(subjects=("GL-HOTLINE",)))
    await notify.heard()
    told = "SELECT unit, template FROM notify.inbox_item WHERE case_id = $1"
    rows = await notify.pool.fetch(told, accusing["case_id"])
    assert [tuple(row) for row in rows] == [("GL-PETITION", "order-exit")]
    for case, unit, role, status in (
        (accusing, "GL", Role.OPERATOR, 404),
        (accusing, "GL", Role.SUPERVISOR, 404),
        (accusing, None, Role.OPS, 404),
        (about, "GL-HOTLINE", Role.OPERATOR, 404),
        (about, "GL", Role.OPERATOR, 200),
    ):
        answer = await notify.ask(f"GET /v1/cases/{case['case_id']}/notices", role, unit)
        assert answer.status_code == status, (unit, role)
        if role is Role.OPERATOR:
            stop = f"PUT /v1/cases/{case['case_id']}/opt-outs/sms"
            assert (await notify.ask(stop, role, unit)).status_code == status
    judged = r.Judgement(by=r.TriagedBy.HUMAN, track="S", urgency=3)
    await notify.say(accusing["case_id"], dispatched("GL", registered=r.Registration(judgement=judged)))
    await notify.heard()
    path = f"GET /v1/cases/{accusing['case_id']}/notices"
    assert (await notify.ask(path, Role.OPERATOR, "GL")).status_code == 200


async def test_after_erasure_nothing_more_goes_out(notify: Notify) -> None:
    """R-PRIV-01."""
    case = await notify.intake.accepted(body(reporter={"phone": PHONE}))
    supervisor = notify.intake.as_role(Role.SUPERVISOR, unit="GL")
    path = f"/v1/cases/{case['case_id']}/person/erasure"
    answer = await notify.intake.client.post(path, json={"reason": "本人要求"}, headers=supervisor)
    assert answer.status_code == 200, answer.text
    await notify.say(case["case_id"], dispatched())
    await notify.heard()
    assert await notify.pool.fetchval("SELECT count(*) FROM notify.reporter") == 0
    assert await notify.pool.fetchval("SELECT count(*) FROM notify.delivery") == 0


async def test_who_may_see_what(notify: Notify) -> None:
    """R-PRIV-01, R-HOT-14: by role and unit; the page of caught messages is an empty shell without a token."""
    assert (await notify.ask("GET /v1/caught", Role.HANDLER, "GL0101")).status_code == 403
    assert (await notify.ask("GET /v1/caught", Role.OPS)).status_code == 200
    # R-LAD-04: a tracking code opens a case, also to whom it complains of
    assert (await notify.ask("GET /v1/caught", Role.OPS, "GL-URBAN")).status_code == 403
    assert (await notify.ask("GET /v1/caught", Role.OPS, "GL")).status_code == 200
    assert "GL" not in (await notify.client.get("/caught")).text
    other = await notify.ask("GET /v1/units/GL0102/inbox", Role.HANDLER, "GL0101")
    assert (other.status_code, other.json()["code"]) == (403, "not_your_inbox")
    above = await notify.ask("GET /v1/units/GL0101/inbox", Role.SUPERVISOR, "GL01")
    assert above.status_code == 200
    path = "GET /v1/cases/0190c0de-0000-7000-8000-000000000000/notices"
    assert (await notify.ask(path, Role.OPERATOR, "GL0101")).json()["code"] == "not_the_centre"
    assert (await notify.ask(path, Role.OPERATOR, "GL")).json()["code"] == "case_unknown"


async def test_an_item_is_read_once(notify: Notify) -> None:
    case = await notify.intake.accepted(body())
    await notify.say(case["case_id"], dispatched())
    await notify.heard()
    inbox = "/v1/units/GL0101/inbox"
    (item,) = (await notify.ask(f"GET {inbox}", Role.HANDLER, "GL0101", unread=True)).json()["items"]
    mark = f"PUT {inbox}/{item['id']}/read"
    first = await notify.ask(mark, Role.HANDLER, "GL0101")
    assert (await notify.ask(mark, Role.HANDLER, "GL0101")).json() == first.json()
    assert (await notify.ask(f"GET {inbox}", Role.HANDLER, "GL0101", unread=True)).json()["items"] == []
    strange = f"PUT {inbox}/{case['case_id']}/read"
    assert (await notify.ask(strange, Role.HANDLER, "GL0101")).status_code == 404


async def test_an_opt_out_follows_the_address_into_other_cases(notify: Notify) -> None:
    """R-PRIV-01, R-HOT-03: the hotline records it; what the law demands goes out all the same."""
    first = await notify.intake.accepted(body(reporter={"phone": PHONE}))
    put = f"PUT /v1/cases/{first['case_id']}/opt-outs/sms"
    assert (await notify.ask(put, Role.OPERATOR, "GL0101")).json()["code"] == "not_the_centre"
    assert (await notify.ask(put, Role.OPERATOR, "GL")).json() == {"channel": "sms", "opted_out": True}
    other = f"PUT /v1/cases/{first['case_id']}/opt-outs/email"
    assert (await notify.ask(other, Role.OPERATOR, "GL")).json()["code"] == "no_such_address"
    second = await notify.intake.accepted(
        body(reporter={"phone": "+86 138-1234-5678"}, title="路灯不亮", text="路口的路灯不亮已有一周。")
    )
    left = r.CaseRedirected(
        route=r.Route(policy="p", jurisdiction="j"), exit=r.NamedExit(code="court", name="诉讼", source="MS")
    )
    await notify.say(second["case_id"], dispatched(), left)
    (message,) = await notify.caught(second["case_id"], 1)
    assert "应当通过法定途径“诉讼”办理" in message["text"]
    assert await notify.settled(second["case_id"]) == [
        ("dispatched", "opted_out"),
        ("redirected", "delivered"),
    ]
    delete = put.replace("PUT", "DELETE")
    assert (await notify.ask(delete, Role.OPERATOR, "GL")).json()["opted_out"] is False
    await notify.say(second["case_id"], r.CaseClosed(outcome=r.Outcome.RESOLVED))
    assert len(await notify.caught(second["case_id"], 2)) == 2


async def test_receipts_are_taken_from_whoever_signs_them(url: str, tmp_path: Path) -> None:
    """The gateway's report moves a delivery on; unsigned ones are refused before they are read."""
    secret = base64.b64encode(bytes(range(32))).decode()
    async with notifying(url, tmp_path, receipt_secret=SecretStr(secret)) as notify:
        case = await notify.intake.accepted(body(reporter={"phone": PHONE}))
        await notify.say(case["case_id"], dispatched())
        (message,) = await notify.caught(case["case_id"], 1)
        await notify.pool.execute("UPDATE notify.delivery SET state = 'sent'")
        out_id = message["message_id"].hex
        report = [{"phone_number": PHONE, "success": True, "err_code": "DELIVERED", "out_id": out_id}]
        content = orjson.dumps(report)
        unsigned = await notify.client.post("/v1/receipts/sms", content=content)
        assert (unsigned.status_code, unsigned.json()["code"]) == (401, "signature_invalid")
        for body_, status in ((content, 200), (b"[{}]", 422)):
            stamp = str(int(datetime.now(UTC).timestamp()))
            headers = {
                "webhook-id": "r-1",
                "webhook-timestamp": stamp,
                "webhook-signature": signature(bytes(range(32)), "r-1", stamp, body_),
            }
            told = await notify.client.post("/v1/receipts/sms", content=body_, headers=headers)
            assert told.status_code == status, told.text
        assert await notify.pool.fetchval("SELECT state FROM notify.delivery") == "delivered"
