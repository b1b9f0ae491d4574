"""Bad input: the answer names the field or line and what would be right; nothing is written."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from tests.e2e.town import Answer, Case, Town

TWO_MB = 2 * 1024 * 1024
HERE = {"grid": "GL010101"}
PAST = "2020-01-01T00:00:00Z"
SOON = (datetime.now(UTC) + timedelta(days=1)).isoformat()


def body(**changes: Any) -> dict[str, Any]:
    """Return a submission that would be fine without the changes."""
    return {"title": "老人照料", "text": "老人独自在家无人照料。", "place": HERE} | changes


def problem(answer: Answer, status: int, code: str, *fields: str) -> None:
    """Assert a problem document of that status and code, which names each field and what would be right."""
    assert (answer.status, answer.code, answer.media) == (status, code, "application/problem+json"), (
        answer.body
    )
    assert answer.body["type"] == f"urn:caseladder:problem:{code}"
    assert answer.body["title"]
    assert answer.body["detail"]
    assert list(answer.fields) == list(fields)
    assert all(answer.fields.values())


# What is wrong, the fields that the answer names, and what it says would be right.
SUBMISSIONS: list[tuple[dict[str, Any], tuple[str, ...], str]] = [
    ({"matter": "no.such"}, ("matter",), "a code of the matter catalogue, such as"),
    ({"place": {"grid": "GL999999"}}, ("place.grid",), "a grid's code, such as GL"),
    ({"parties": ["GL-NOPE"]}, ("parties[0]",), "the code of a grid, community or street"),
    ({"subjects": ["GL03", "GL-NOPE"]}, ("subjects[1]",), "the code of a unit or department"),
    ({"place": {"longitude": 200, "latitude": 34.2}}, ("place.longitude",), "less than or equal to 180"),
    (
        {"place": {"longitude": 34.2645, "latitude": 84.1}},
        ("place.longitude", "place.latitude"),
        "longitude and latitude not exchanged",
    ),
    ({"place": {"longitude": 117.15}}, ("place.latitude",), "both coordinates, or neither"),
    ({"new_facts": "yes"}, ("new_facts",), "valid boolean"),
    ({"received_at": "2099-01-01T00:00:00+08:00"}, ("received_at",), "not more than 5 minutes after now"),
    ({"received_at": "gestern"}, ("received_at",), "valid datetime"),
    ({"received_at": "2026-02-31T10:00:00+08:00"}, ("received_at",), "of a day that exists"),
    ({"received_at": 1764000000}, ("received_at",), "with its time zone"),
    ({"received_at": "2026-11-24T10:00:00"}, ("received_at",), "with its time zone"),
    ({"matters": "neighbour.noise"}, ("matters",), "no such field: leave it out or correct its name"),
    ({"text": "有\u0000字符"}, ("text",), "a text without the character U+0000"),
    ({"urgency": 9, "matter": "no.such"}, ("urgency", "matter"), "less than or equal to 4"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "fields", "right"), SUBMISSIONS, ids=lambda value: str(value)[:40])
async def test_a_submission_names_every_field_that_is_wrong(
    town: Town, changes: dict[str, Any], fields: tuple[str, ...], right: str
) -> None:
    """R-HOT-02: unknown matter or unit, impossible point, future date: the field and what would be right."""
    refused = await town.ask("intake", "POST /v1/cases", "operator", "GL", body=body(**changes))
    problem(refused, 422, "validation_failed", *fields)
    assert right in refused.fields[fields[0]]


async def test_refused_submissions_leave_nothing_behind(town: Town) -> None:
    """R-HOT-02: of everything that intake refuses, no table has a row."""
    before = await town.counts()
    for changes, _, _ in SUBMISSIONS:
        key = {"Idempotency-Key": f"refused-{orjson.dumps(changes).hex()[:60]}"}
        await town.ask("intake", "POST /v1/cases", "operator", "GL", body=body(**changes), headers=key)
    await no_json(town, "intake", "POST /v1/cases", "operator")
    for role, unit, status, code in (
        ("handler", "GL0101", 403, "role_required"),
        ("petition_officer", "GL", 403, "role_required"),
        ("grid_worker", None, 403, "unit_required"),
        ("operator", "XX", 403, "unit_unknown"),
        ("operator", "GL02", 403, "outside_jurisdiction"),
    ):
        problem(await town.ask("intake", "POST /v1/cases", role, unit, body=body()), status, code)
    for token in ("", "Bearer", "Bearer x.y.z"):
        wrong = {"Authorization": token}
        answer = await town.ask("intake", "POST /v1/cases", "operator", "GL", body=body(), headers=wrong)
        assert (answer.status, answer.media) == (401, "application/problem+json")
    assert grown(before, await town.counts()) == {}


async def no_json(town: Town, service: str, request: str, role: str) -> None:
    """Assert what a service says of bodies that are too large, no UTF-8, or no JSON."""
    large = await town.ask(service, request, role, "GL", content=b" " * TWO_MB)
    problem(large, 413, "body_too_large")
    assert "1048576 bytes" in large.body["detail"]
    wrong = await town.ask(service, request, role, "GL", content=b'{"text": "\xff\xfe"}')
    problem(wrong, 400, "invalid_utf8")
    assert "offset 10" in wrong.body["detail"]
    for content, where in ((b'{"title": ', "line 1 column"), (b'{"a": 1,\n oops}', "line 2 column")):
        broken = await town.ask(service, request, role, "GL", content=content)
        problem(broken, 400, "invalid_json")
        assert where in broken.body["detail"]


def grown(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """Return by how much tables grew beyond the marker case that each count submits."""
    marker = {
        "intake.aggregate": 1,
        "intake.case_file": 1,
        "router.aggregate": 1,
        "router.assignment": 1,
        "router.case_text": 1,
        "intake.timeline": 1,
        "chassis.event_log": 3,
    }
    return {
        table: more
        for table, count in after.items()
        if (more := count - before.get(table, 0) - marker.get(table, 0))
    }


async def test_one_key_stands_for_one_request(town: Town) -> None:
    """R-HOT-03: the same key and body is answered again; with another body it is refused, and nothing happens."""
    headers = {"Idempotency-Key": "one-request"}

    async def submit(text: str) -> Answer:
        return await town.ask(
            "intake", "POST /v1/cases", "operator", "GL", body=body(text=text), headers=headers
        )

    before = await town.counts()
    first = await submit("老人独自在家，请安排探访。")
    again = await submit("老人独自在家，请安排探访。")
    assert (first.status, again.body) == (201, first.body)
    problem(await submit("老人独自在家，请安排助餐。"), 422, "idempotency_key_reused")
    case = Case(first.body["case_id"], first.body["tracking_code"], first.body)
    await town.placed(case)

    reply = {"Idempotency-Key": "one-decision"}
    request = f"POST {case.path}/triage"
    judged = {"judged": "dispatch", "matter": "livelihood.elderly"}
    done = await town.ask("router", request, "operator", "GL", body=judged, headers=reply)
    same = await town.ask("router", request, "operator", "GL", body=judged, headers=reply)
    assert (done.status, same.body) == (200, done.body), done.body
    other = judged | {"matter": "property.leak"}
    reused = await town.ask("router", request, "operator", "GL", body=other, headers=reply)
    problem(reused, 422, "idempotency_key_reused")
    await town.told(case, "dispatched")
    more = grown(before, await town.counts())
    assert (more["intake.aggregate"], more["router.aggregate"]) == (1, 1)
    assert (more["intake.idempotency_key"], more["router.idempotency_key"]) == (1, 1)


async def test_a_bad_line_spoils_no_other(town: Town) -> None:
    """R-HOT-02: a batch is answered line by line; only the good lines become cases."""
    good = orjson.dumps(body(text="独居老人需要助餐服务。"))
    lines = [
        good,
        b'{"title": "x", ',
        orjson.dumps(body(matter="no.such")),
        b'{"title": "\xff"}',
        orjson.dumps(body(text="长" * 90_000)),
        orjson.dumps(body(place={"longitude": 0, "latitude": 0})),
        orjson.dumps(body(received_at="2099-01-01T00:00:00Z")),
        b"17",
        good.replace("助餐".encode(), "探访".encode()),
    ]
    before = await town.counts()
    answer = await town.client.post(
        town.system.url("intake") + "/v1/cases/batch",
        content=b"\n".join(lines),
        headers=town.headers("operator", "GL") | {"Content-Type": "application/x-ndjson"},
    )
    told = [orjson.loads(line) for line in answer.content.splitlines()]
    assert [line["line"] for line in told] == list(range(1, 10))
    assert [line["status"] for line in told] == [201, 400, 422, 400, 413, 422, 422, 422, 201]
    codes = [line["problem"]["code"] for line in told if "problem" in line]
    assert codes == [
        "invalid_json",
        "validation_failed",
        "invalid_utf8",
        "line_too_long",
        "validation_failed",
        "validation_failed",
        "validation_failed",
    ]
    assert told[2]["problem"]["errors"][0]["field"] == "matter"
    for line in (told[0], told[-1]):
        await town.placed(Case(line["case_id"], line["tracking_code"], line))
    more = grown(before, await town.counts())
    assert (more["intake.aggregate"], more["router.aggregate"]) == (2, 2)


LEADER = {"leader": "分管副区长", "note": "限期办结"}
LATE = LEADER | {"unit": "GL0101", "handle_by": PAST}
SUMMONS = {"occasion": "emergency", "reason": "需联合处置"}
# An action on a case that has just been dispatched, the answer's status and code, and the field that is wrong.
ACTIONS: list[tuple[str, str, dict[str, Any], int, str, tuple[str, ...]]] = [
    ("objection", "handler", {"reason": "不属职责", "proposed": "NOPE"}, 422, "unknown_unit", ("proposed",)),
    ("objection", "handler", {"reason": ""}, 422, "validation_failed", ("reason",)),
    ("objection", "handler", {"reason": "有\u0000字符"}, 422, "validation_failed", ("reason",)),
    ("sign", "handler", {"actor": {"subject": "x"}}, 422, "validation_failed", ("actor",)),
    ("whistle", "supervisor", SUMMONS | {"units": ["NOPE"]}, 422, "unknown_unit", ("units",)),
    ("instruction", "supervisor", LEADER | {"unit": "NOPE", "handle_by": SOON}, 422, "unknown_unit", ("unit",)),
    ("instruction", "supervisor", LATE, 422, "in_the_past", ("handle_by",)),
    ("track", "operator", {"track": "X"}, 422, "validation_failed", ("track",)),
    ("track", "operator", {"track": "L", "exit": "no-such"}, 422, "unknown_exit", ("exit",)),
    ("reply", "handler", {"result": "已办结"}, 409, "wrong_status", ()),
    ("callback", "operator", {"contacted": True}, 422, "validation_failed", ("resolved", "satisfied")),
    ("callback", "operator", {"contacted": False}, 409, "wrong_status", ()),
    ("sign", "operator", {}, 403, "role_required", ()),
    ("callback", "handler", {"contacted": True}, 403, "role_required", ()),
]  # fmt: skip


async def test_a_refused_action_changes_nothing(town: Town) -> None:
    """R-HOT-05, R-MODE-01: unknown units, dates that have passed, wrong roles: named, and not half done."""
    case = await town.submit()
    version = (await town.placed(case))["version"]
    before = await town.counts()
    for number, (action, role, given, status, code, fields) in enumerate(ACTIONS):
        unit = "GL0101" if role == "handler" else "GL"
        key = {"Idempotency-Key": f"refused-action-{number}"}
        request = f"POST {case.path}/{action}"
        problem(await town.ask("router", request, role, unit, body=given, headers=key), status, code, *fields)
    await no_json(town, "router", f"POST {case.path}/supervision", "supervisor")
    strangers: list[tuple[str, str | None, int, str]] = [
        ("handler", "GL0102", 404, "case_unknown"),
        ("handler", None, 403, "unit_required"),
        ("handler", "XX", 403, "unit_required"),
        ("supervisor", "GL02", 403, "role_required"),
        ("resident", None, 403, "role_required"),
    ]
    for role, stranger, status, code in strangers:
        refused = await town.act(case, "sign", role, stranger)
        problem(refused, status, code)
    stale = await town.act(case, "sign", "handler", "GL0101", If_Match='"1"')
    problem(stale, 412, "version_mismatch")
    assert stale.etag == f'"{version}"'
    assert grown(before, await town.counts()) == {}
    assert (await town.placed(case))["version"] == version


async def test_questions_that_cannot_be_answered(town: Town) -> None:
    """R-PRIV-01: unknown units, other units' lists and feeds, broken positions: refused, never our fault."""
    for request, role, unit, query, status, code in (
        ("GET /v1/assignments", "supervisor", "GL", {"unit": "GL-NOPE"}, 404, "unit_unknown"),
        ("GET /v1/assignments", "handler", "GL0101", {"unit": "GL0102"}, 403, "outside_jurisdiction"),
        ("GET /v1/assignments", "handler", "GL0101", {"limit": 0}, 422, "validation_failed"),
        ("GET /v1/assignments", "handler", "GL0101", {"status": "NOPE"}, 422, "validation_failed"),
        ("GET /v1/assignments", "handler", "GL0101", {"cursor": "nope"}, 422, "validation_failed"),
        ("GET /v1/units/GL-NOPE", "supervisor", "GL", {}, 404, "unit_unknown"),
        ("GET /v1/units/GL0101/feed", "handler", "GL0102", {}, 403, "not_your_feed"),
        ("GET /v1/units/GL0101/feed", "handler", "GL0101", {"after": "nope"}, 400, "invalid_position"),
        ("GET /v1/queue/triage", "handler", "GL0101", {}, 403, "role_required"),
        ("GET /v1/cases/17", "operator", "GL", {}, 422, "validation_failed"),
        ("GET /v1/nothing", "operator", "GL", {}, 404, "not_found"),
    ):
        answer = await town.ask("router", request, role, unit, **query)
        assert (answer.status, answer.code) == (status, code), (request, query, answer.body)
    nul = await town.ask("router", "GET /v1/assignments", "handler", "GL0101", matter="\u0000")
    problem(nul, 422, "validation_failed", "query.matter")
    for code in ("%00", "XXXXXXXXXXXX"):
        wrong = await town.ask("intake", f"GET /v1/track/{code}", "operator", "GL")
        assert (wrong.status, wrong.body["title"]) == (404, "No such case")
