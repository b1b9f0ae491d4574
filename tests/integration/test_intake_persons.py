"""Personal data on a real PostgreSQL: who may read them, what is recorded, what erasing leaves."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from chassis.http import Role
from chassis.vault import Vault, VaultError
from schemas.department import HandlingMode
from schemas.procedure import HandBack
from schemas.router import (
    CaseClosed,
    CaseDispatched,
    CaseRedirected,
    CaseReplied,
    Fired,
    HelpersRecused,
    Judgement,
    NamedExit,
    Outcome,
    ProcedureEnded,
    QueueReason,
    Registration,
    Route,
    TriagedBy,
    TriageQueued,
)
from services.intake.access import read_person, rewrap_keys
from services.intake.callers import Caller
from tests.intake_kit import Intake, body, running

ROUTE = Route(policy="p", jurisdiction="gulou")
REPORTER = {"name": "王大爷", "phone": "13800138000", "id_number": "11010119900307001X"}
OPERATOR = Caller("op-1", Role.OPERATOR, "GL")


@pytest.fixture
async def intake(intake_url: str, tmp_path: Path) -> AsyncIterator[Intake]:
    async with running(intake_url, tmp_path) as service:
        yield service


def registration(*, sealed: bool = False, by: TriagedBy = TriagedBy.ENGINE) -> Registration:
    return Registration(judgement=Judgement(by=by, track="S", urgency=3), sealed=sealed)


def dispatched(unit: str, subjects: tuple[str, ...] | None = None) -> CaseDispatched:
    return CaseDispatched(
        route=ROUTE,
        unit=unit,
        number=1,
        rung=3,
        mode=HandlingMode.TRANSFER,
        track="S",
        urgency=3,
        subjects=subjects,
    )


def redirected(authority: str | None, *, sealed: bool) -> CaseRedirected:
    left = NamedExit(code="discipline-inspection", name="检举控告", authority=authority, source="XF22")
    return CaseRedirected(route=ROUTE, registered=registration(sealed=sealed), exit=left)


async def read(intake: Intake, case_id: str, purpose: str = "回访核实", **headers: str) -> httpx.Response:
    query = {"purpose": purpose} if purpose else {}
    return await intake.client.get(
        f"/v1/cases/{case_id}/person", params=query, headers=headers or intake.operator
    )


async def log(intake: Intake) -> list[tuple[Any, ...]]:
    rows = await intake.pool.fetch(
        "SELECT subject, role, unit, purpose, outcome FROM intake.access_log ORDER BY entry"
    )
    return [tuple(row) for row in rows]


async def test_every_access_is_recorded_with_its_purpose(intake: Intake) -> None:
    """R-PRIV-01: purpose is demanded; who, in which role and for what stays in the access log."""
    case = await intake.accepted(body(reporter=REPORTER))
    answer = await read(intake, case["case_id"])
    nothing = dict.fromkeys(("email", "wechat", "language", "media_url", "title", "text", "address"))
    assert answer.json() == nothing | REPORTER | {
        "supplements": [],
    }
    assert answer.headers["cache-control"] == "no-store"
    assert await log(intake) == [("op-1", "operator", "GL", "回访核实", "read")]
    await read(intake, case["case_id"], purpose="回拨13900139000")
    assert (await log(intake))[1][3] == "回拨〔电话〕"
    without = await read(intake, case["case_id"], purpose="")
    assert (without.status_code, without.json()["errors"][0]["field"]) == (422, "query.purpose")
    assert len(await log(intake)) == 2


@pytest.mark.parametrize("role", [Role.HANDLER, Role.OPS, Role.GRID_WORKER, Role.RESIDENT])
async def test_other_roles_read_no_personal_data(intake: Intake, role: Role) -> None:
    """R-PRIV-01, R-HOT-14."""
    case = await intake.accepted(body(reporter=REPORTER))
    answer = await read(intake, case["case_id"], **intake.as_role(role, unit="GL"))
    assert (answer.status_code, answer.json()["code"]) == (403, "role_required")
    assert await log(intake) == []


async def test_the_unit_complained_of_reads_nothing(intake: Intake) -> None:
    """R-HOT-14, R-PET-10: not even that there is such a case."""
    case = await intake.accepted(body(reporter=REPORTER, subjects=["GL01"]))
    answer = await read(intake, case["case_id"], **intake.as_role(Role.SUPERVISOR, unit="GL01"))
    assert (answer.status_code, answer.json()["code"]) == (404, "case_unknown")
    assert await log(intake) == []


async def test_a_unit_found_to_be_complained_of_later_reads_nothing_more(intake: Intake) -> None:
    """R-LAD-04, R-HOT-14: intake learns from the router who is complained of, at triage or on the way up."""
    case = await intake.accepted(body(reporter=REPORTER))
    supervisor = intake.as_role(Role.SUPERVISOR, unit="GL0101")
    assert (await read(intake, case["case_id"], **supervisor)).status_code == 200
    await intake.say(case["case_id"], dispatched("GL01", subjects=("GL0101",)))
    gone = await read(intake, case["case_id"], **supervisor)
    assert (gone.status_code, gone.json()["code"]) == (404, "case_unknown")
    await intake.say(case["case_id"], dispatched("GL-CIVIL"))
    assert (await read(intake, case["case_id"], **supervisor)).status_code == 404
    assert (await read(intake, case["case_id"])).status_code == 200


async def test_who_was_recused_reads_again_when_a_human_has_cleared_it(intake: Intake) -> None:
    """R-LAD-04, R-HOT-14: also where both come in one batch; not where it was recused once more after that."""
    case = await intake.accepted(body(reporter=REPORTER))
    supervisor = intake.as_role(Role.SUPERVISOR, unit="GL0101")
    row = Fired(table="escalations", row="subject-skipped", source="R-LAD-04")
    recused = HelpersRecused(unit="GL-URBAN", helpers=(), subjects=("GL0101",), evidence=(), row=row)
    judged = registration(by=TriagedBy.HUMAN).model_copy(update={"place": "GL0101"})
    cleared = dispatched("GL0101").model_copy(update={"registered": judged})
    for events, status in (
        ((recused,), 404),
        ((cleared,), 200),
        ((recused, cleared), 200),
        ((cleared, recused), 404),
    ):
        await intake.say(case["case_id"], *events)
        assert (await read(intake, case["case_id"], **supervisor)).status_code == status


async def test_who_a_procedure_named_reads_nothing_more_when_it_is_over(intake: Intake) -> None:
    """R-LAD-04, R-PET-11: the file is kept from them, whatever the procedure came to."""
    case = await intake.accepted(body(reporter=REPORTER))
    supervisor = intake.as_role(Role.SUPERVISOR, unit="GL0101")
    ended = ProcedureEnded(
        procedure="petition", unit="GL-PETITION", result=HandBack.ENDED, explanation="办结"
    )
    await intake.say(case["case_id"], ended)
    assert (await read(intake, case["case_id"], **supervisor)).status_code == 200
    await intake.say(case["case_id"], ended.model_copy(update={"subjects": ("GL0101",)}))
    assert (await read(intake, case["case_id"], **supervisor)).status_code == 404
    assert (await read(intake, case["case_id"])).status_code == 200


@pytest.mark.parametrize("authority", ["GL-DISCIPLINE", None])
async def test_sealed_matter_is_for_its_recipient_alone(intake: Intake, authority: str | None) -> None:
    """R-PET-10: who took the accusation in reads it no more; its recipient does; the reporter follows it."""
    case = await intake.accepted(body(reporter=REPORTER))
    await intake.say(case["case_id"], redirected(authority, sealed=True))
    callers = {
        unit: intake.as_role(Role.SUPERVISOR, unit=unit)
        for unit in ("GL", "GL01", "GL-HOTLINE", "GL-DISCIPLINE")
    }
    path = f"/v1/cases/{case['case_id']}"
    for unit, headers in callers.items():
        expected = 200 if unit == authority else 404
        assert (await read(intake, case["case_id"], **headers)).status_code == expected
        assert (await intake.client.get(path, headers=headers)).status_code == expected
        done = await intake.client.post(f"{path}/supplements", json={"text": "补充"}, headers=headers)
        assert done.status_code == expected
    assert (await intake.client.get(path, headers=intake.as_role(Role.OPS))).status_code == 404
    assert (await intake.client.get(f"/v1/track/{case['tracking_code']}")).status_code == 200


async def test_what_a_human_unseals_is_open_again(intake: Intake) -> None:
    """R-PET-10: the queue found an accusation, the human a plain matter."""
    case = await intake.accepted(body(reporter=REPORTER))
    queued = TriageQueued(
        route=ROUTE,
        registered=registration(sealed=True),
        unit="GL-HOTLINE",
        reason=QueueReason.LOW_CONFIDENCE,
    )
    await intake.say(case["case_id"], queued)
    assert (await read(intake, case["case_id"])).status_code == 404
    judged = registration(by=TriagedBy.HUMAN)
    await intake.say(case["case_id"], dispatched("GL0101").model_copy(update={"registered": judged}))
    assert (await read(intake, case["case_id"])).status_code == 200


async def test_until_a_human_says_whom_the_words_accuse_the_centre_alone_reads(intake: Intake) -> None:
    """R-HOT-14, R-LAD-04: an office accused without its name may be that of the place."""
    case = await intake.accepted(body(reporter=REPORTER))
    local = intake.as_role(Role.SUPERVISOR, unit="GL0101")
    accused = TriageQueued(
        route=ROUTE, registered=registration(), unit="GL-HOTLINE", reason=QueueReason.POLICY
    )
    await intake.say(case["case_id"], accused)
    path = f"/v1/cases/{case['case_id']}"
    assert (await read(intake, case["case_id"], **local)).status_code == 404
    assert (await intake.client.get(path, headers=local)).status_code == 404
    for unit in ("GL", "GL-HOTLINE"):
        headers = intake.as_role(Role.OPERATOR, unit=unit)
        assert (await read(intake, case["case_id"], **headers)).status_code == 200
    judged = registration(by=TriagedBy.HUMAN).model_copy(update={"place": "GL010101"})
    await intake.say(case["case_id"], dispatched("GL0101").model_copy(update={"registered": judged}))
    assert (await read(intake, case["case_id"], **local)).status_code == 200


async def test_whom_a_later_word_accuses_reads_nothing_more_before_triage(intake: Intake) -> None:
    """R-LAD-04, R-HOT-14: a supplement accused a unit of the place while the case waited."""
    case = await intake.accepted(body(reporter=REPORTER))
    local = intake.as_role(Role.SUPERVISOR, unit="GL0101")
    found = registration().model_copy(update={"subjects": ("GL01",)})
    accused = TriageQueued(route=ROUTE, registered=found, unit="GL-HOTLINE", reason=QueueReason.POLICY)
    await intake.say(case["case_id"], accused)
    judged = found.model_copy(
        update={"place": "GL010101", "judgement": registration(by=TriagedBy.HUMAN).judgement}
    )
    await intake.say(case["case_id"], dispatched("GL-CIVIL").model_copy(update={"registered": judged}))
    assert (await read(intake, case["case_id"], **local)).status_code == 404
    assert (await read(intake, case["case_id"])).status_code == 200


async def test_whom_later_words_accuse_loses_the_case_and_its_result(intake: Intake) -> None:
    """R-LAD-04, R-HOT-14, R-LEDGER-01: it had been dispatched and replied to; cleared, it is theirs again."""
    case = await intake.accepted(body(reporter=REPORTER))
    local = intake.as_role(Role.SUPERVISOR, unit="GL0101")
    path = f"/v1/cases/{case['case_id']}"
    replied = CaseReplied(unit="GL0101", result="已上门", solved=True)
    await intake.say(case["case_id"], dispatched("GL0101"), replied)
    assert (await read(intake, case["case_id"], **local)).status_code == 200
    assert (await intake.client.get(f"{path}/attachments", headers=local)).status_code == 200
    found = registration().model_copy(update={"subjects": ("GL0101",)})
    taken = TriageQueued(
        route=ROUTE, registered=found, unit="GL-HOTLINE", reason=QueueReason.POLICY, taken_from="GL0101"
    )
    await intake.say(case["case_id"], taken)
    for kept in (path, f"{path}/attachments", f"{path}/person?purpose=核实"):
        refused = await intake.client.get(kept, headers=local)
        assert (refused.status_code, refused.json()["code"]) == (404, "case_unknown")
    assert (await read(intake, case["case_id"])).status_code == 200
    assert await intake.pool.fetchval("SELECT count(*) FROM intake.ledger") == 0
    judged = registration(by=TriagedBy.HUMAN).model_copy(update={"place": "GL010101"})
    await intake.say(case["case_id"], dispatched("GL0101").model_copy(update={"registered": judged}))
    assert (await read(intake, case["case_id"], **local)).status_code == 200


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.SUPERVISOR])
async def test_staff_without_a_unit_read_nothing(intake: Intake, role: Role) -> None:
    """R-PRIV-01: a claim that is missing narrows what a token opens, and never widens it."""
    case = await intake.accepted(body(reporter=REPORTER))
    answer = await read(intake, case["case_id"], **intake.as_role(role, Role.OPS))
    assert (answer.status_code, answer.json()["code"]) == (403, "unit_required")


async def test_a_supplement_keeps_its_own_words(intake: Intake) -> None:
    """R-PRIV-01: the masked text is in the event, the given one in a record of its own."""
    case = await intake.accepted(body(reporter=REPORTER))
    text = "请打13900139000找我女儿"
    await intake.client.post(f"/v1/track/{case['tracking_code']}/supplements", json={"text": text})
    assert (await read(intake, case["case_id"])).json()["supplements"] == [text]


@pytest.mark.parametrize(
    "told",
    [
        {"reporter": {"name": "欧阳修文"}},
        {"text": "我叫欧阳修文，楼下路灯不亮。"},
    ],
    ids=["given", "announced"],
)
async def test_the_reporters_name_stands_in_none_of_their_later_words(
    intake: Intake, told: dict[str, Any]
) -> None:
    """R-PRIV-01: it is known from the encrypted record of the submission, however many supplements there are."""
    case = await intake.accepted(body(**told))
    path, said = f"/v1/track/{case['tracking_code']}", "请打给欧阳修文"
    for _ in range(2):
        assert (await intake.client.post(f"{path}/supplements", json={"text": said})).status_code == 200
    by_staff = f"/v1/cases/{case['case_id']}/supplements"
    assert (
        await intake.client.post(by_staff, json={"text": said}, headers=intake.operator)
    ).status_code == 200
    rating = {"contacted": True, "resolved": False, "satisfied": False, "note": said}
    assert (await intake.client.post(f"{path}/feedback", json=rating)).status_code == 200
    soon = datetime.now(UTC) + timedelta(days=1)
    await intake.say(case["case_id"], CaseClosed(outcome=Outcome.RESOLVED, unit="GL0101", reopen_until=soon))
    assert (await intake.client.post(f"{path}/reopening", json={"reason": said})).status_code == 200
    events = await intake.pool.fetch("SELECT type, data::text FROM chassis.event_log WHERE source = 'intake'")
    assert not [type_ for type_, data in events if "欧阳" in data]
    assert sum("请打给〔姓名〕" in data for _, data in events) == 5
    assert (await read(intake, case["case_id"])).json()["supplements"] == [said] * 3
    assert len(await log(intake)) == 1  # that reading: masking shows nobody anything

    other = await intake.accepted(body(**told))
    gone = await intake.client.post(f"/v1/track/{other['tracking_code']}/withdrawal", json={"reason": said})
    assert gone.status_code == 200
    (withdrawn,) = await intake.events(other["case_id"], "CaseWithdrawn")
    assert withdrawn["reason"] == "请打给〔姓名〕"


async def test_what_was_erased_or_cannot_be_opened_hinders_no_later_words(intake: Intake) -> None:
    """R-PRIV-01: then nobody knows the name any more."""
    erased, broken = [await intake.accepted(body(reporter={"name": "王大爷"})) for _ in range(2)]
    await erase(intake, erased["case_id"])
    await intake.pool.execute(
        "UPDATE intake.personal_record SET ciphertext = '\\x00' WHERE case_id = $1", UUID(broken["case_id"])
    )
    for case in (erased, broken):
        path = f"/v1/track/{case['tracking_code']}/supplements"
        assert (await intake.client.post(path, json={"text": "王大爷在家"})).status_code == 200
        assert (await intake.events(case["case_id"], "CaseSupplemented"))[0]["text"] == "王大爷在家"


async def erase(intake: Intake, case_id: str) -> httpx.Response:
    return await intake.client.post(
        f"/v1/cases/{case_id}/person/erasure",
        json={"reason": "本人申请删除"},
        headers=intake.as_role(Role.SUPERVISOR, unit="GL"),
    )


async def test_erasing_leaves_nothing_to_read(intake: Intake) -> None:
    """R-PRIV-01: key, ciphertext and index are gone; the case goes on, and the event names nobody."""
    case = await intake.accepted(body(reporter=REPORTER, matter="municipal.streetlight"))
    other = await intake.accepted(body(reporter={"phone": "13900139000"}))
    assert (await erase(intake, case["case_id"])).json() == {"version": 2}
    assert (await read(intake, case["case_id"])).json()["code"] == "person_erased"
    for table in ("record_key", "personal_record", "person_index"):
        cases = await intake.pool.fetch(f"SELECT DISTINCT case_id::text FROM intake.{table}")
        assert [row[0] for row in cases] == [other["case_id"]]
    (event,) = await intake.events(case["case_id"], "PersonErased")
    assert event["reason"] == "本人申请删除"
    assert (await erase(intake, case["case_id"])).json() == {"version": 2}
    again = await intake.accepted(body(reporter=REPORTER, matter="municipal.streetlight"))
    assert "repeat_of" not in again


async def test_only_a_supervisor_erases(intake: Intake) -> None:
    """R-PRIV-01."""
    case = await intake.accepted(body(reporter=REPORTER))
    answer = await intake.client.post(
        f"/v1/cases/{case['case_id']}/person/erasure", json={"reason": "不需要"}, headers=intake.operator
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "role_required")
    assert await intake.count("record_key") == 1


async def test_a_case_without_personal_data_says_so(intake: Intake) -> None:
    """R-PRIV-01: the attempt is recorded all the same."""
    case = await intake.accepted(body())
    assert (await read(intake, case["case_id"])).json()["code"] == "no_personal_data"
    assert [entry[-1] for entry in await log(intake)] == ["nothing"]


async def test_a_ciphertext_moved_to_another_case_is_not_read(intake: Intake) -> None:
    """R-PRIV-01: who can write to the database still cannot pass one person's data off as another's."""
    one = await intake.accepted(body(reporter=REPORTER))
    two = await intake.accepted(body(reporter={"name": "李四"}))
    await intake.pool.execute("DELETE FROM intake.personal_record WHERE case_id = $1", UUID(two["case_id"]))
    for table in ("personal_record", "record_key"):
        await intake.pool.execute(
            f"UPDATE intake.{table} SET case_id = $1 WHERE case_id = $2",
            UUID(two["case_id"]),
            UUID(one["case_id"]),
        )
    answer = await read(intake, two["case_id"])
    assert answer.status_code == 500
    assert "王大爷" not in answer.text


async def test_the_master_key_is_rotated(intake: Intake) -> None:
    """R-PRIV-01: after rewrapping, the new master key alone reads everything and the old one nothing."""
    cases = [await intake.accepted(body(reporter=REPORTER)) for _ in range(3)]
    keys = intake.host.settings.keys()
    new = bytes(range(32))
    both = Vault([new, keys.master_key])
    async with intake.pool.acquire() as connection:
        assert [await rewrap_keys(connection, both, limit=2) for _ in range(3)] == [2, 1, 0]
    for case in cases:
        found = await read_person(intake.pool, Vault([new]), UUID(case["case_id"]), OPERATOR, "核实")
        assert found is not None
        assert found.name == "王大爷"
    with pytest.raises(VaultError):
        await read_person(intake.pool, Vault([keys.master_key]), UUID(cases[0]["case_id"]), OPERATOR, "核实")


@pytest.mark.parametrize("unit", ["GL010101", "GL0101", "GL01"])
async def test_only_the_district_erases(intake: Intake, unit: str) -> None:
    """R-PRIV-01, R-HOT-10: a supervisor in whose area the place lies may not erase another unit's reporter."""
    case = await intake.accepted(body(reporter=REPORTER))
    answer = await intake.client.post(
        f"/v1/cases/{case['case_id']}/person/erasure",
        json={"reason": "不需要"},
        headers=intake.as_role(Role.SUPERVISOR, unit=unit),
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "not_the_district")
    assert await intake.count("record_key") == 1


async def test_a_phone_number_as_a_log_in_name_is_written_nowhere(intake: Intake) -> None:
    """R-PRIV-01, R-HOT-14: neither into the event nor into the record of who read; two callers stay two."""
    case = await intake.accepted(body(reporter=REPORTER))
    shown = set()
    for number in ("13700137000", "13700137001"):
        staff = intake.as_role(Role.OPERATOR, unit="GL", subject=number)
        path = f"/v1/cases/{case['case_id']}"
        with_key = staff | {"Idempotency-Key": "one"}
        await intake.client.post(f"{path}/supplements", json={"text": "补充"}, headers=with_key)
        await intake.client.post("/v1/cases", json=body(), headers=with_key | {"Idempotency-Key": "two"})
        await intake.client.get(f"{path}/person?purpose=回访核实", headers=staff)
    for event in await intake.events(case["case_id"], "CaseSupplemented"):
        shown.add(event["by"]["subject"])
    assert shown == {row[0] for row in await intake.pool.fetch("SELECT subject FROM intake.access_log")}
    assert len(shown) == 2
    assert shown == {
        row[0] for row in await intake.pool.fetch("SELECT principal FROM intake.idempotency_key")
    }
    assert all("137001370" not in name and name.startswith("〔电话〕#") for name in shown)
