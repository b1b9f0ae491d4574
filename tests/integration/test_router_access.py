"""Who sees and does what at the router: interest, seals, confidentiality, jurisdiction, tracks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.http import Role
from tests.router_api_kit import (
    COMMUNITY,
    COMPONENT,
    DISCIPLINE,
    DISTRICT,
    GRID,
    HOTLINE,
    PLAIN,
    SEALED,
    STREET,
    TEXT,
    URBAN,
    RouterUnderTest,
    running,
)

CIVIL, POWER = "GL-CIVIL", "GL-POWER"


@pytest.fixture
async def router(router_url: str, tmp_path: Path) -> AsyncIterator[RouterUnderTest]:
    async with running(router_url, tmp_path) as service:
        yield service


async def test_who_is_complained_of_sees_nothing(router: RouterUnderTest) -> None:
    """R-LAD-04, R-HOT-14: for the unit complained of, and all it controls, the case does not exist."""
    path = await router.submit(subjects=(STREET,))
    open_to = await router.get(path, Role.OPERATOR, DISTRICT)
    assert open_to.status == 200
    assert open_to.body["unit"]["code"] not in {STREET, COMMUNITY, GRID}
    missing = await router.get("/v1/cases/00000000-0000-4000-8000-000000000000", Role.OPERATOR, STREET)
    for unit in (STREET, COMMUNITY, GRID):
        for role in (Role.HANDLER, Role.SUPERVISOR, Role.OPERATOR, Role.OPS):
            for shown in (path, f"{path}/route"):
                hidden = await router.get(shown, role, unit)
                assert (hidden.status, hidden.code) == (404, missing.code)
            lists = await router.get("/v1/assignments", role, unit, unit=unit)
            assert lists.body["items"] == []
        done = await router.post(f"{path}/supervision", Role.SUPERVISOR, unit, {"reason": "请加快"})
        assert (done.status, done.code) == (404, missing.code)
    assert (await router.get(path, Role.OPS, None)).status == 404
    topics = await router.pool.fetch("SELECT DISTINCT topic FROM chassis.event_log")
    assert not [row[0] for row in topics if STREET in row[0]]


async def test_a_unit_found_interested_later_loses_sight(router: RouterUnderTest) -> None:
    """R-LAD-04: after SUBJECT_SKIPPED the former unit gets no view back, and the case is gone for it."""
    path = await router.submit()
    for action in ("sign", "contact"):
        await router.post(f"{path}/{action}", Role.HANDLER, COMMUNITY)
    evidence = [{"kind": "interest_declaration", "reference": "回避申请1"}]
    body = {"ground": "SUBJECT_SKIPPED", "subjects": [COMMUNITY], "evidence": evidence}
    left = await router.post(f"{path}/escalation", Role.HANDLER, COMMUNITY, body)
    assert (left.status, left.body) == (204, None)
    assert (await router.get(path, Role.HANDLER, COMMUNITY)).code == "case_unknown"
    assert (await router.get("/v1/assignments", Role.HANDLER, COMMUNITY, ended=True)).body["items"] == []
    assert (await router.get(path, Role.SUPERVISOR, DISTRICT)).body["unit"]["code"] == STREET


async def test_who_had_the_case_before_loses_sight_too(router: RouterUnderTest) -> None:
    """R-LAD-04: complained of after it passed the case up, a unit no longer finds it."""
    path = await router.submit()
    for action in ("sign", "contact"):
        await router.post(f"{path}/{action}", Role.HANDLER, COMMUNITY)
    kinds = ("legal_basis", "handling_record")
    evidence = [{"kind": kind, "reference": "1"} for kind in kinds]
    body = {"ground": "NO_LEGAL_POWER", "evidence": evidence}
    assert (await router.post(f"{path}/escalation", Role.HANDLER, COMMUNITY, body)).status == 200
    past = await router.get("/v1/assignments", Role.SUPERVISOR, COMMUNITY, ended=True)
    assert len(past.body["items"]) == 1
    declared = [{"kind": "interest_declaration", "reference": "回避申请1"}]
    body = {"ground": "SUBJECT_SKIPPED", "subjects": [STREET], "evidence": declared}
    left = await router.post(f"{path}/escalation", Role.SUPERVISOR, DISTRICT, body)
    assert (left.status, left.body["unit"]["code"]) == (200, CIVIL), left.body
    for unit in (STREET, COMMUNITY):
        gone = await router.get("/v1/assignments", Role.SUPERVISOR, unit, unit=unit, ended=True)
        assert gone.body["items"] == []


async def test_sealed_matter_reaches_its_one_recipient(router: RouterUnderTest) -> None:
    """R-PET-10: neither the district nor the hotline nor ops sees it; the discipline inspection reads it."""
    path = await router.submit(matter=SEALED)
    seen = await router.get(path, Role.HANDLER, DISCIPLINE)
    assert (seen.status, seen.body["status"], seen.body["text"]["text"]) == (200, "REDIRECTED", TEXT)
    [own] = (await router.get("/v1/assignments", Role.HANDLER, DISCIPLINE)).body["items"]
    assert (own["role"], own["text"]) == ("exit", TEXT)
    others: list[tuple[Role, str]] = [
        (Role.SUPERVISOR, DISTRICT),
        (Role.OPERATOR, HOTLINE),
        (Role.OPERATOR, DISTRICT),
    ]
    others += [(Role.HANDLER, DISTRICT), (Role.OPS, DISTRICT), (Role.HANDLER, COMMUNITY)]
    for role, unit in others:
        assert (await router.get(path, role, unit)).status == 404
    listed = await router.get("/v1/assignments", Role.SUPERVISOR, DISTRICT, unit=DISCIPLINE)
    assert listed.body["items"] == []
    assert (await router.get(path, Role.OPS, None)).status == 404


async def test_who_had_the_case_before_it_was_sealed_loses_sight(router: RouterUnderTest) -> None:
    """R-PET-10: what remains of an emergency is found to be an accusation."""
    path = await router.submit()
    for action in ("sign", "contact"):
        await router.post(f"{path}/{action}", Role.HANDLER, COMMUNITY)
    danger = {
        "ground": "DANGER",
        "line": "110",
        "evidence": [{"kind": "danger_report", "reference": "1"}],
    }
    assert (await router.post(f"{path}/escalation", Role.SUPERVISOR, DISTRICT, danger)).status == 200
    past = await router.get("/v1/assignments", Role.SUPERVISOR, STREET, unit=COMMUNITY, ended=True)
    assert [row["text"] for row in past.body["items"]] == [TEXT]
    done = await router.post(f"{path}/emergency/remainder", Role.OPERATOR, HOTLINE, {"matter": SEALED})
    assert (done.status, done.body) == (204, None)
    gone = await router.get("/v1/assignments", Role.SUPERVISOR, STREET, unit=COMMUNITY, ended=True)
    assert gone.body["items"] == []
    assert (await router.get(path, Role.HANDLER, DISCIPLINE)).body["status"] == "REDIRECTED"


async def test_confidential_text_is_for_the_responsible_unit(router: RouterUnderTest) -> None:
    """R-HOT-14, R-PRIV-01: others see that there is a case, not what was said."""
    path = await router.submit(confidential=True)
    assert (await router.get(path, Role.HANDLER, COMMUNITY)).body["text"]["text"] == TEXT
    for role, unit in ((Role.SUPERVISOR, STREET), (Role.OPERATOR, DISTRICT), (Role.HANDLER, DISTRICT)):
        assert (await router.get(path, role, unit)).body["text"] is None
        [row] = (await router.get("/v1/assignments", role, unit, unit=COMMUNITY)).body["items"]
        assert row["text"] is None


async def test_jurisdiction_limits_each_role(router: RouterUnderTest) -> None:
    """R-PRIV-01: a case lies with its unit, those above it, and the desks in whose area it is."""
    path = await router.submit()
    for role, unit in ((Role.HANDLER, "GL0102"), (Role.SUPERVISOR, "GL02"), (Role.HANDLER, URBAN)):
        assert (await router.get(path, role, unit)).status == 404
    assert (await router.get(path, Role.SUPERVISOR, STREET)).status == 200
    grid = await router.get(path, Role.HANDLER, GRID)
    assert grid.status == 404
    foreign = await router.get("/v1/assignments", Role.HANDLER, "GL0102", unit=COMMUNITY)
    assert (foreign.status, foreign.code) == (403, "outside_jurisdiction")
    for stranger in (None, "XX"):
        assert (await router.get(path, Role.HANDLER, stranger)).code == "unit_required"
    sign = await router.post(f"{path}/sign", Role.OPERATOR, DISTRICT)
    assert (sign.status, sign.code) == (403, "role_required")


async def test_the_desk_of_a_department_that_lost_the_case_reads_no_words_of_it(
    router: RouterUnderTest,
) -> None:
    """R-PRIV-01: nor what is said later. It still sees that it had the case; the desk of the place reads on."""
    path = await router.submit(matter=COMPONENT)
    await router.post(f"{path}/objection", Role.HANDLER, URBAN, {"reason": "路灯由供电公司养护"})
    decision = {"upheld": True, "reason": "属供电公司职责", "unit": POWER}
    moved = await router.post(f"{path}/objection/adjudication", Role.SUPERVISOR, DISTRICT, decision)
    assert (moved.status, moved.body["unit"]["code"]) == (200, POWER), moved.body
    for unit, text in ((URBAN, None), (POWER, TEXT), (COMMUNITY, TEXT), (DISTRICT, TEXT)):
        for role in (Role.SUPERVISOR, Role.OPERATOR):
            shown = (await router.get(path, role, unit)).body
            assert (shown["text"] and shown["text"]["text"]) == text, (role, unit)
    [had] = (await router.get("/v1/assignments", Role.SUPERVISOR, URBAN, ended=True)).body["items"]
    assert (had["title"], had["text"]) == (None, None)
    past = await router.get("/v1/assignments", Role.SUPERVISOR, DISTRICT, unit=URBAN, ended=True)
    assert [row["text"] for row in past.body["items"]] == [TEXT]


async def test_past_holders_see_the_case_but_not_the_text(router: RouterUnderTest) -> None:
    """R-PRIV-01: an upheld objection ends the unit's reading and acting."""
    path = await router.submit()
    await router.post(f"{path}/objection", Role.HANDLER, COMMUNITY, {"reason": "不属本社区职责"})
    decision = {"upheld": True, "reason": "由区民政局办理", "unit": CIVIL}
    await router.post(f"{path}/objection/adjudication", Role.SUPERVISOR, DISTRICT, decision)
    past = (await router.get(path, Role.HANDLER, COMMUNITY)).body
    assert (past["unit"]["code"], past["text"], past["actions"]) == (CIVIL, None, [])
    refused = await router.post(f"{path}/progress", Role.HANDLER, COMMUNITY, {"note": "仍在办理"})
    assert (refused.status, refused.code) == (403, "outside_jurisdiction")
    assert (await router.get(path, Role.HANDLER, CIVIL)).body["text"]["text"] == TEXT


async def test_mediators_keep_to_their_track(router: RouterUnderTest) -> None:
    """R-MED-02: a mediator acts on track M, a petition officer on track P, a grid worker for the grid."""
    service = await router.submit(matter=PLAIN)
    mediation = await router.submit(matter="property.service")
    noise = await router.submit(matter="neighbour.noise")
    assert (await router.get(service, Role.MEDIATOR, COMMUNITY)).status == 404
    assert (await router.get(mediation, Role.MEDIATOR, COMMUNITY)).status == 200
    assert (await router.get(mediation, Role.PETITION_OFFICER, COMMUNITY)).status == 404
    assert (await router.post(f"{mediation}/sign", Role.MEDIATOR, COMMUNITY)).body["status"] == "SIGNED"
    listed = (await router.get("/v1/assignments", Role.MEDIATOR, COMMUNITY)).body["items"]
    assert [item["track"] for item in listed] == ["M"]
    assert (await router.post(f"{noise}/sign", Role.GRID_WORKER, GRID)).body["status"] == "SIGNED"


async def test_ops_reads_and_changes_nothing(router: RouterUnderTest) -> None:
    """R-PRIV-01: ops sees where cases are, without a word of what was said."""
    path = await router.submit()
    shown = (await router.get(path, Role.OPS, None)).body
    assert (shown["status"], shown["text"], shown["actions"]) == ("DISPATCHED", None, [])
    [row] = (await router.get("/v1/assignments", Role.OPS, None, unit=COMMUNITY)).body["items"]
    assert (row["text"], row["title"]) == (None, None)
    for action in ("sign", "supervision", "triage"):
        assert (await router.post(f"{path}/{action}", Role.OPS, DISTRICT)).code == "role_required"


async def test_the_hotline_centre_is_wide_for_its_desks_only(router: RouterUnderTest) -> None:
    """R-PRIV-01: who works at the hotline centre as a handler lists no other unit's assignments."""
    await router.submit()
    for role in (Role.HANDLER, Role.GRID_WORKER, Role.MEDIATOR):
        listed = await router.get("/v1/assignments", role, HOTLINE, unit=COMMUNITY)
        assert (listed.status, listed.code) == (403, "outside_jurisdiction")
    [row] = (await router.get("/v1/assignments", Role.OPERATOR, HOTLINE, unit=COMMUNITY)).body["items"]
    assert row["text"] == TEXT


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.SUPERVISOR, Role.HANDLER])
async def test_ops_lends_its_width_to_no_other_role(router: RouterUnderTest, role: Role) -> None:
    """R-PRIV-01: a token that names no unit is ops alone, whatever other roles it carries."""
    path = await router.submit()
    for shown in (path, "/v1/assignments"):
        assert (await router.get(shown, (Role.OPS, role), None, unit=COMMUNITY)).code == "unit_required"
    handled = await router.get("/v1/assignments", (Role.OPS, Role.HANDLER), HOTLINE, unit=COMMUNITY)
    assert [row["text"] for row in handled.body["items"]] == [None]
