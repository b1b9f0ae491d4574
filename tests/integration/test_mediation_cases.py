"""Mediation over HTTP on a real PostgreSQL: from the router's dispatch to the confirmed and performed agreement."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from chassis.applied import account
from chassis.database import session
from chassis.http import Role
from schemas import router as r
from schemas.intake import PersonErased
from schemas.petition import PetitionSentToMediation
from services.cli.compare import begins
from services.mediation.api.actions import BY_PATH
from services.mediation.domain import MediationDecider
from tests.document_kit import embedded_fonts, ink, words
from tests.mediation_api_kit import COMMUNITY, DISTRICT, STREET, MediationUnderTest, act, agreed, running
from tests.unit.mediation_kit import dispatched

PERSONAL = ("张三", "李四", "13800000000", "博苑社区3幢502室", "多次在二十二时后施工", "支付补偿三百元")


@pytest.fixture
async def mediation(mediation_url: str, tmp_path: Path) -> AsyncIterator[MediationUnderTest]:
    async with running(mediation_url, tmp_path) as service:
        yield service


async def test_a_mediation_from_opening_to_confirmation(mediation: MediationUnderTest) -> None:
    """R-MED-07, R-MED-08, R-MED-09: the examples of /docs lead through the whole procedure."""
    path = await agreed(mediation)
    filed = await act(mediation, path, "confirmation")
    assert (filed["stage"], filed["confirmation"]) == ("FOLLOW_UP", "FILED")
    await act(mediation, path, "confirmation/acceptance")
    await act(mediation, path, "confirmation/extension")
    assert (await act(mediation, path, "confirmation/decision"))["confirmation"] == "CONFIRMED"
    done = await act(mediation, path, "visits")
    assert (done["stage"], done["agreements"][0]["performed"]) == ("PERFORMED", [1])
    assert (await mediation.events(path))[-1] == "MediationHandedBack"
    assert (await mediation.events(path)).count("MediationHandedBack") == 1


async def test_no_event_tells_who_the_parties_are(mediation: MediationUnderTest) -> None:
    """R-PRIV-01: names, addresses, numbers and what was agreed stay in the vault."""
    path = await agreed(mediation)
    told = await mediation.logged(path)
    state = await mediation.pool.fetchval("SELECT string_agg(state::text, '') FROM mediation.aggregate")
    shown = (await mediation.get(path)).text + (await mediation.get(f"{path}/story")).text
    for secret in PERSONAL:
        assert secret not in told + state + shown


async def test_the_agreement_is_printed_in_chinese(mediation: MediationUnderTest) -> None:
    """R-MED-07: the PDF carries parties, facts, issues, responsibility, terms, manner, time and seal."""
    path = await agreed(mediation)
    answer = await mediation.get(f"{path}/agreement.pdf", purpose="归档")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    read = words(answer.content)
    for part in (
        "人民调解协议书",
        "（A）张三",
        "（B）李四",
        "一、纠纷主要事实",
        "多次在二十二时后施工",
        "二、争议事项",
        "三、各方当事人的责任",
        "1．乙方自即日起",
        "履行期限：2099年7月1日前",
        "银行转账。",
        "被申请人 李四（签名、盖章或者按指印）",
        "调解员 GLM-0101-01",
        "博苑社区人民调解委员会（印章）",
    ):
        assert part in read
    assert "NotoSerifSC-Regular" in embedded_fonts(answer.content)
    assert 0.005 < ink(answer.content) < 0.2


async def test_the_application_to_the_court_is_printed(mediation: MediationUnderTest) -> None:
    """R-MED-09: both applicants, what they ask, and the court; only once the agreement is in effect."""
    path = await mediation.open()
    early = await mediation.get(f"{path}/confirmation.pdf", purpose="申请司法确认")
    assert (early.status_code, early.json()["code"]) == (409, "not_in_effect")
    path = await agreed(mediation)
    answer = await mediation.get(f"{path}/confirmation.pdf", purpose="申请司法确认")
    read = words(answer.content)
    for part in (
        "司法确认申请书",
        "请求依法确认",
        "博苑社区人民调解委员会主持调解",
        "此致　鼓楼区人民法院",
        "（1）乙方",
    ):
        assert part in read
    assert ink(answer.content) > 0.005


async def test_reading_papers_needs_a_role_and_leaves_a_trace(mediation: MediationUnderTest) -> None:
    """R-PRIV-01: supervisors see the procedure, not the persons; whoever reads is recorded with the purpose."""
    path = await agreed(mediation)
    for role, unit in ((Role.SUPERVISOR, DISTRICT), (Role.OPERATOR, DISTRICT), (Role.GRID_WORKER, COMMUNITY)):
        refused = await mediation.get(f"{path}/papers", role, unit, purpose="看看")
        assert refused.status_code == 403
    assert (await mediation.get(f"{path}/papers", Role.MEDIATOR, "GL02", purpose="看看")).status_code == 404
    assert (await mediation.get(f"{path}/papers")).status_code == 422
    papers = (await mediation.get(f"{path}/papers", purpose="核对身份")).json()
    assert [paper["kind"] for paper in papers] == ["agreement/1", "parties", "session/1"]
    assert papers[1]["content"]["persons"][0]["name"] == "张三"
    log = await mediation.pool.fetch("SELECT role, unit, what, purpose FROM mediation.access_log")
    assert [tuple(row) for row in log] == [("mediator", COMMUNITY, "papers", "核对身份")]


async def test_erasing_a_person_erases_the_papers(mediation: MediationUnderTest) -> None:
    """R-PRIV-01: without its key no paper is left; the procedure goes on."""
    path = await agreed(mediation)
    await mediation.say(UUID(path.rpartition("/")[2]), PersonErased(reason="申请删除"))
    assert await mediation.pool.fetchval("SELECT count(*) FROM mediation.paper_key") == 0
    gone = await mediation.get(f"{path}/agreement.pdf", purpose="归档")
    assert (gone.status_code, gone.json()["code"]) == (409, "nothing_to_print")
    assert (await act(mediation, path, "visits"))["stage"] == "PERFORMED"


async def test_who_is_complained_of_sees_and_does_nothing(mediation: MediationUnderTest) -> None:
    """R-LAD-04, R-HOT-14: neither the unit, nor what it controls, nor who works there as a supervisor."""
    path = await mediation.open(unit=DISTRICT, subjects=(STREET,))
    for unit in (STREET, COMMUNITY):
        assert (await mediation.get(path, Role.SUPERVISOR, unit)).status_code == 404
        assert (await mediation.post(f"{path}/police", None, Role.MEDIATOR, unit)).status_code in {404, 422}
        listed = (await mediation.get("/v1/mediations", Role.SUPERVISOR, unit)).json()
        assert listed["items"] == []
    assert (await mediation.get(path, Role.SUPERVISOR, DISTRICT)).status_code == 200
    assert (await mediation.get(path, Role.OPS, None)).status_code == 404


async def test_a_case_of_another_track_leaves_nothing(mediation: MediationUnderTest) -> None:
    """Mediation costs nothing for a case that is never mediated, not even a row."""
    case_id = uuid4()
    await mediation.say(case_id, dispatched(track="S"))
    await mediation.say(case_id, r.CaseClosed(outcome=r.Outcome.RESOLVED))
    for table in ("aggregate", "docket", "parked"):
        assert await mediation.pool.fetchval(f"SELECT count(*) FROM mediation.{table}") == 0
    await mediation.say(case_id, dispatched())
    assert await mediation.events(f"/v1/mediations/{case_id}") == ["MediationOpened", "MediationDutyMoved"]


async def test_a_unit_lists_its_mediations(mediation: MediationUnderTest) -> None:
    """Open ones oldest first, page by page; ended ones on demand."""
    paths = [await mediation.open() for _ in range(3)]
    await act(mediation, paths[1], "termination")
    first = (await mediation.get("/v1/mediations", limit=1)).json()
    assert [item["case_id"] for item in first["items"]] == [paths[0].rpartition("/")[2]]
    rest = (await mediation.get("/v1/mediations", after=first["next"])).json()
    assert [item["case_id"] for item in rest["items"]] == [paths[2].rpartition("/")[2]]
    ended = (await mediation.get("/v1/mediations", ended=True)).json()["items"]
    assert [(item["case_id"], item["stage"]) for item in ended] == [
        (paths[1].rpartition("/")[2], "TERMINATED")
    ]
    away = await mediation.get("/v1/mediations", unit="GL02")
    assert (away.status_code, away.json()["code"]) == (403, "outside_jurisdiction")


async def test_writes_are_conditional_and_repeat_safely(mediation: MediationUnderTest) -> None:
    """If-Match and Idempotency-Key hold as in the router."""
    path = await mediation.open()
    shown = await mediation.get(path)
    example = BY_PATH["parties"].example
    stale = await mediation.post(f"{path}/parties", example, If_Match='"1"')
    assert stale.status_code == 412
    key = str(uuid4())
    once = await mediation.post(
        f"{path}/parties", example, If_Match=shown.headers["etag"], Idempotency_Key=key
    )
    again = await mediation.post(f"{path}/parties", example, Idempotency_Key=key)
    assert (once.status_code, once.content, once.headers["etag"]) == (
        200,
        again.content,
        again.headers["etag"],
    )
    assert (await mediation.events(path)).count("PartiesRegistered") == 1
    assert await mediation.pool.fetchval("SELECT count(*) FROM mediation.paper") == 1


async def test_errors_name_the_field_and_what_would_be_right(mediation: MediationUnderTest) -> None:
    """RFC 9457, for the shape, for what does not go together, and for what the law does not allow."""
    path = await mediation.open()
    example = BY_PATH["parties"].example
    only_one = example | {"paper": example["paper"] | {"persons": example["paper"]["persons"][:1] * 2}}
    for body, code, field in (
        (example | {"parties": example["parties"][:1]}, "validation_failed", "parties"),
        (only_one, "validation_failed", "paper.persons"),
        (example | {"procedure": "magic"}, "unknown_procedure", "procedure"),
    ):
        answer = await mediation.post(f"{path}/parties", body)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert answer.json()["errors"][0]["field"] == field
    early = await mediation.post(f"{path}/visits", BY_PATH["visits"].example)
    assert (early.status_code, early.json()["code"]) == (409, "wrong_stage")
    assert "FOLLOW_UP" in early.json()["detail"]


async def test_the_actions_shown_are_those_that_may_be_taken(mediation: MediationUnderTest) -> None:
    """Whoever only reads is offered none; a fresh case begins with its parties."""
    path = await mediation.open()
    offered = (await mediation.get(path)).json()["actions"]
    assert offered == ["parties", "termination", "police", "deadlines/recomputation"]
    assert (await mediation.get(path, Role.OPERATOR, DISTRICT)).json()["actions"] == []


async def test_committees_are_named_nearest_first(mediation: MediationUnderTest) -> None:
    """R-MED-01, R-MED-02: whom the parties can choose from, by kind of mediation."""
    found = (await mediation.get("/v1/committees", procedure="peoples")).json()
    assert [one["code"] for one in found] == ["GLC-0101", "GLC-01", "GLC-GL"]
    assert "GLM-0101-01" in found[0]["mediators"]
    wrong = await mediation.get("/v1/committees", procedure="magic")
    assert (wrong.status_code, wrong.json()["code"]) == (404, "procedure_unknown")


async def test_the_comparison_of_logs_misses_no_case_of_another_track(mediation: MediationUnderTest) -> None:
    """What left no row is accounted for, also where a petition brings the case later; a lost handover is named."""
    other, lost, later = uuid4(), uuid4(), uuid4()
    await mediation.say(other, dispatched(track="S"))
    await mediation.say(later, dispatched(track="P"))
    await mediation.say(later, PetitionSentToMediation(unit="GL01"))
    path = await mediation.open()
    url = mediation.host.settings.database_url.get_secret_value()
    types = MediationDecider.consumes
    late = datetime.now(UTC)
    async with session(url) as database:
        found = await account("mediation", types, database, [database], late, begins("mediation"))
        assert (found.counts["applied"], found.counts["missing"]) == (4, 0)
        await mediation.say(lost, dispatched())
        await database.execute("DELETE FROM mediation.aggregate WHERE case_id = $1", lost)
        late = datetime.now(UTC)
        found = await account("mediation", types, database, [database], late, begins("mediation"))
    assert found.missing == [f"router/{lost}/1"] or str(lost) in found.missing[0]
    assert (await mediation.get(path)).status_code == 200


async def test_what_was_agreed_in_part_is_printed_with_its_own_terms(mediation: MediationUnderTest) -> None:
    """R-MED-07: a later oral agreement about the rest changes nothing of the paper that was signed."""
    path = await mediation.open()
    for action, changes in (
        ("parties", {}),
        ("consent", {}),
        ("consent", {"party": "B"}),
        ("mediators", {}),
        ("sessions", {"open": True}),
        ("agreement/draft", {"partial": True}),
        ("agreement/signature", {}),
        ("continuation", {}),
        (
            "agreement/oral",
            {"obligations": [{"number": 1, "by": "A", "due": "2098-02-03"}]},
        ),
    ):
        await act(mediation, path, action, **changes)
    printed = words((await mediation.get(f"{path}/agreement.pdf", purpose="归档")).content)
    assert "履行期限：2099年7月1日前" in printed
    assert "2098年2月3日" not in printed


async def test_docs_show_every_step_with_an_example(mediation: MediationUnderTest) -> None:
    """An operator can walk the whole procedure by /docs: a summary and an example for each action."""
    document = (await mediation.client.get("/openapi.json")).json()
    for path, action in BY_PATH.items():
        operation = document["paths"][f"/v1/mediations/{{case_id}}/{path}"]["post"]
        assert operation["summary"] == action.summary
        reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        assert document["components"]["schemas"][reference.rpartition("/")[2]]["examples"] == [action.example]
