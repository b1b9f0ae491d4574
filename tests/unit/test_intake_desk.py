"""What a submission is checked for: every fault names its field and what would be right, all at once."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from chassis.http import Problem, Role
from chassis.vault import Vault
from reference.areas import GridIndex
from reference.gazetteer import Gazetteer
from reference.load import load
from reference.matcher import Matcher
from services.intake.callers import Caller
from services.intake.check import Surroundings
from services.intake.desk import Desk, Submission
from tests.intake_kit import GRID, GULOU, body

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
OPERATOR = Caller("op-1", Role.OPERATOR, "GL")
RESIDENT = Caller("r-1", Role.RESIDENT, None)
WORKER = Caller("gw-1", Role.GRID_WORKER, GRID)
OPS = Caller("ops-1", Role.OPS, None)
KEY = base64.b64decode("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")


@pytest.fixture(scope="module")
def desk() -> Desk:
    jurisdiction = load(GULOU)
    around = Surroundings.of(jurisdiction, GridIndex.load(GULOU))
    return Desk(around, Gazetteer.load(GULOU), Matcher(jurisdiction), Vault([KEY]), KEY)


def read(desk: Desk, content: dict[str, Any] | bytes, who: Caller = OPERATOR) -> Submission:
    raw = content if isinstance(content, bytes) else orjson.dumps(content)
    return desk.read(raw, who, NOW)


def faults(desk: Desk, content: dict[str, Any] | bytes, who: Caller = OPERATOR) -> dict[str, str]:
    """Return field and expectation of every fault."""
    with pytest.raises(Problem) as caught:
        read(desk, content, who)
    assert (caught.value.status_code, caught.value.code) == (422, "validation_failed")
    return {error.field: error.expected for error in caught.value.errors}


BUILDING = "GL01010103"
POINT = {"longitude": 117.1525, "latitude": 34.2645}
LATE = (NOW + timedelta(minutes=6)).isoformat()
SOON = (NOW + timedelta(minutes=4)).isoformat()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": " \n"}, "title"),
        ({"title": "长" * 201}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"text": "长" * 20_001}, "text"),
        ({"text": "\x00"}, "text"),
        ({"text": None}, "text"),
        ({"channel": "pigeon"}, "channel"),
        ({"kind": "shout"}, "kind"),
        ({"matter": "no.such"}, "matter"),
        ({"urgency": 0}, "urgency"),
        ({"urgency": 5}, "urgency"),
        ({"track": "X"}, "track"),
        ({"parties": ["GL010101", "GL99"]}, "parties[1]"),
        ({"parties": ["GL-URBAN"]}, "parties[0]"),
        ({"parties": ["GL"] * 51}, "parties"),
        ({"subjects": ["nobody"]}, "subjects[0]"),
        ({"households": 0}, "households"),
        ({"received_at": LATE}, "received_at"),
        ({"received_at": "0001-01-01T00:00:00+08:00"}, "received_at"),
        ({"received_at": "2026-03-01T09:00:00"}, "received_at"),
        ({"received_at": "yesterday"}, "received_at"),
        ({"emergency_line": "911"}, "emergency_line"),
        ({"place": {"grid": "GL0101"}}, "place.grid"),
        ({"place": {"grid": "\x00"}}, "place.grid"),
        ({"place": {"grid": BUILDING}}, "place.grid"),
        ({"place": {"building_group": GRID}}, "place.building_group"),
        ({"place": {"building_group": BUILDING, "grid": "GL010102"}}, "place.building_group"),
        ({"place": {"longitude": 181, "latitude": 34}}, "place.longitude"),
        ({"place": {"longitude": 117.15, "latitude": -91}}, "place.latitude"),
        ({"place": {"longitude": 117.15}}, "place.latitude"),
        ({"place": {"latitude": 34.26}}, "place.longitude"),
        ({"place": {"address": "秋岭公寓\x00"}}, "place.address"),
        ({"reporter": {"phone": "call me"}}, "reporter.phone"),
        ({"reporter": {"id_number": "一二三四五"}}, "reporter.id_number"),
        ({"reporter": {"name": "王", "anonymous": True}}, "reporter.anonymous"),
        ({"colour": "red"}, "colour"),
        ({"resolved": {"measure": "已清理"}}, "resolved"),
        ({"location": POINT}, "location"),
        ({"place": {"grid": GRID, "source": "sampled"}}, "place.source"),
    ],
)
def test_a_fault_names_its_field(desk: Desk, change: dict[str, Any], field: str) -> None:
    """R-HOT-02: and says what would be right."""
    found = faults(desk, body(**change))
    assert set(found) == {field}
    assert found[field]


def test_a_building_group_in_the_wrong_field_is_told_the_right_one(desk: Desk) -> None:
    """R-LAD-01: `place.grid` stays a grid."""
    assert "place.building_group" in faults(desk, body(place={"grid": BUILDING}))["place.grid"]


@pytest.mark.parametrize(
    ("place", "who", "source", "grid", "group"),
    [
        ({"building_group": BUILDING}, OPERATOR, "unit", GRID, BUILDING),
        ({"building_group": BUILDING, "grid": GRID}, OPERATOR, "unit", GRID, BUILDING),
        ({"address": "秋岭公寓3幢"}, OPERATOR, "address", GRID, BUILDING),
        ({"address": "秋岭公寓"}, OPERATOR, "address", GRID, None),
        ({"grid": GRID, "address": "秋岭公寓3幢"}, OPERATOR, "unit", GRID, BUILDING),
        ({"grid": "GL010102", "address": "秋岭公寓3幢"}, OPERATOR, "unit", "GL010102", None),
        (POINT | {"address": "秋岭公寓3幢"}, OPERATOR, "coordinates", GRID, BUILDING),
        (POINT | {"address": "景坪家园5幢"}, OPERATOR, "coordinates", GRID, None),
        (POINT, OPERATOR, "coordinates", GRID, None),
        ({}, WORKER, "unit", GRID, None),
    ],
)
def test_the_building_group_of_a_place(
    desk: Desk, place: dict[str, Any], who: Caller, source: str, grid: str, group: str | None
) -> None:
    """R-LAD-01: stated, or by the building in an address that does not contradict a surer source."""
    found = read(desk, body(place=place), who).command.case.place
    assert (found.source, found.grid, found.building_group) == (source, grid, group)


def test_an_operator_answers_consultations_on_the_call(desk: Desk) -> None:
    """R-HOT-02: a consultation only; what is to be done is dispatched."""
    case = read(desk, body(kind="consult", resolved={"measure": "已当场答复"})).command.case
    assert case.resolved is not None
    assert (case.resolved.unit, case.resolved.measure) == ("GL", "已当场答复")
    assert set(faults(desk, body(kind="complain", resolved={"measure": "已当场答复"}))) == {"resolved"}
    told = body(resolved={"measure": "已当场答复", "knowledge": {"entry": "legal-aid", "version": 1}})
    assert set(faults(desk, told, WORKER)) == {"resolved.knowledge"}


@pytest.mark.parametrize(("longitude", "latitude"), [(116.4, 39.9), (34.2645, 117.15), (0, 0)])
def test_a_point_outside_the_district_names_both_coordinates(
    desk: Desk, longitude: float, latitude: float
) -> None:
    """R-LAD-01: exchanged coordinates are the usual mistake."""
    if latitude > 90:
        assert set(faults(desk, body(place={"longitude": longitude, "latitude": latitude}))) == {
            "place.latitude"
        }
        return
    found = faults(desk, body(place={"longitude": longitude, "latitude": latitude}))
    assert set(found) == {"place.longitude", "place.latitude"}
    assert "鼓楼区" in found["place.longitude"]


def test_all_faults_are_told_at_once(desk: Desk) -> None:
    """R-HOT-02: malformed fields and those that the jurisdiction does not know, together."""
    content = {
        "title": "",
        "matter": "no.such",
        "urgency": "high",
        "place": {"longitude": 200, "latitude": 34.26, "grid": "GL0"},
        "subjects": ["GL", "nobody"],
        "received_at": LATE,
    }
    assert set(faults(desk, content)) == {
        "title",
        "text",
        "urgency",
        "place.longitude",
        "matter",
        "place.grid",
        "subjects[1]",
        "received_at",
    }


def test_a_worker_is_told_of_a_settlement_in_the_future(desk: Desk) -> None:
    """R-GRD-01."""
    content = body(resolved={"measure": "已清理", "resolved_at": LATE})
    assert set(faults(desk, content, WORKER)) == {"resolved.resolved_at"}


def test_residents_state_nothing_that_is_for_staff(desk: Desk) -> None:
    """R-HOT-02: matter, urgency and emergency line are staff's judgement."""
    content = body(
        matter="municipal.streetlight", urgency=1, emergency_line="110", reporter={"account": "a-1"}
    )
    expected = {"matter", "urgency", "emergency_line", "reporter.account"}
    assert set(faults(desk, content, RESIDENT)) == expected
    assert read(desk, content).command.case.matter == "municipal.streetlight"


def test_a_sampled_place_is_a_grid(desk: Desk) -> None:
    assert set(faults(desk, body(place={"source": "sampled"}), OPS)) == {"place.grid"}
    assert read(desk, body(place={"source": "sampled", "grid": GRID}), OPS).command.case.place.grid == GRID


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b'{"title": "\xff"}', "invalid_utf8"),
        (b"\x00", "invalid_json"),
    ],
)
def test_a_broken_body_says_where(desk: Desk, raw: bytes, code: str) -> None:
    with pytest.raises(Problem) as caught:
        read(desk, raw)
    assert (caught.value.status_code, caught.value.code) == (400, code)


@pytest.mark.parametrize(
    ("field", "raw"),
    [
        ("place.longitude", b'{"title": "a", "text": "b", "place": {"longitude": NaN, "latitude": 34.26}}'),
        ("place.latitude", b'{"title": "a", "text": "b", "place": {"longitude": 117, "latitude": Infinity}}'),
        ("households", b'{"title": "a", "text": "b", "households": 1' + b"0" * 400 + b"}"),
        ("place", b'{"title": "a", "text": "b", "place": ' + b"[" * 150 + b"]" * 150 + b"}"),
    ],
)
def test_numbers_and_nests_that_json_should_not_have(desk: Desk, field: str, raw: bytes) -> None:
    """R-HOT-02: NaN, numbers beyond all measure and deep nests are faults of their field, never of ours."""
    assert set(faults(desk, raw)) == {field}


@pytest.mark.parametrize("raw", [b'{"title": "\\ud800"}', b'{"place": ' + b"[" * 100_000])
def test_what_no_parser_takes_is_not_json(desk: Desk, raw: bytes) -> None:
    with pytest.raises(Problem) as caught:
        read(desk, raw)
    assert caught.value.code == "invalid_json"


@pytest.mark.parametrize("raw", [b"[]", b"null", b'"text"', b"3"])
def test_a_body_that_is_no_object_says_so(desk: Desk, raw: bytes) -> None:
    assert set(faults(desk, raw)) == {"body"}


def test_a_clock_may_be_a_little_ahead(desk: Desk) -> None:
    """R-GRD-01: phones are not exact."""
    assert read(desk, body(received_at=SOON)).command.case.received_at > NOW


def test_a_worker_uploads_what_was_told_within_a_week(desk: Desk) -> None:
    """R-GRD-01, R-HOT-10: later uploads would begin with times that ran out long ago; the hotline enters those."""
    in_time, too_late = (body(received_at=(NOW - timedelta(days=days)).isoformat()) for days in (6.9, 7.1))
    assert read(desk, in_time, WORKER).command.case.received_at == NOW - timedelta(days=6.9)
    found = faults(desk, too_late, WORKER)
    assert set(found) == {"received_at"}
    assert "the hotline" in found["received_at"]
    assert read(desk, too_late, OPERATOR).command.case.received_at == NOW - timedelta(days=7.1)


def test_words_tell_an_emergency(desk: Desk) -> None:
    """R-LAD-05, R-HOT-13: found in the text, where nobody declared it; the resident is told to call."""
    content = body(title="燃气泄漏", text="楼道里燃气泄漏，味道很大，有人晕倒了，快来人！")
    submission = read(desk, content, RESIDENT)
    alarm = submission.command.case.emergency
    assert alarm is not None
    assert alarm.ground != "operator"


def test_a_danger_in_a_consultation_is_one(desk: Desk) -> None:
    """R-LAD-05, R-HOT-13: also where the operator answered it on the call; the question alone is none."""
    answered = {"title": "咨询", "kind": "consult", "resolved": {"measure": "已告知拨打燃气抢修电话"}}
    told = read(desk, body(text="咨询煤气泄漏怎么办，我家煤气漏了", **answered)).command.case
    assert told.emergency is not None
    assert told.emergency.line == "119"
    assert read(desk, body(text="咨询煤气泄漏怎么办", **answered)).command.case.emergency is None


GAS = {"title": "燃气泄漏", "text": "三单元燃气泄漏，已处理。", "resolved": {"measure": "关闭阀门并通风"}}
CHECKED = {"title": "入户巡查", "text": "完成十户。", "resolved": {"measure": "发现燃气泄漏，已关闭阀门"}}


@pytest.mark.parametrize("content", [GAS, CHECKED])
def test_a_settled_danger_is_reported_all_the_same(desk: Desk, content: dict[str, Any]) -> None:
    """R-GRD-01, R-LAD-05: by a grid worker, whether the text or the measure tells of it."""
    alarm = read(desk, body(**content), WORKER).command.case.emergency
    assert alarm is not None
    assert alarm.line == "119"
    lamp = body(resolved={"measure": "更换灯泡"})
    assert read(desk, lamp, WORKER).command.case.emergency is None


def test_a_worker_stands_at_the_place(desk: Desk) -> None:
    """R-GRD-01: the worker's location is the place; without any, their own grid is."""
    located = read(desk, body(place={}, location=POINT), WORKER).command.case.place
    assert (located.source, located.grid, located.longitude) == ("coordinates", GRID, POINT["longitude"])
    assert read(desk, body(place={}), WORKER).command.case.place.grid == GRID


def test_a_resident_is_known_by_account(desk: Desk) -> None:
    """R-PET-18, R-PRIV-01: indexed blindly, unless they wish to be anonymous."""
    one, two = read(desk, body(), RESIDENT), read(desk, body(title="别的事"), RESIDENT)
    assert one.command.filing.persons == two.command.filing.persons != ()
    hidden = read(desk, body(reporter={"anonymous": True}), RESIDENT).command
    assert (hidden.filing.persons, hidden.filing.sealed, hidden.case.anonymous) == ((), None, True)


def test_an_account_of_another_system_is_only_indexed(desk: Desk) -> None:
    """R-PET-18, R-PRIV-01: it finds repeats, is stored nowhere, and is never taken for a resident's own account."""
    filing = read(desk, body(reporter={"account": "r-1"}), OPS).command.filing
    assert len(filing.persons) == 1
    assert filing.sealed is None
    assert filing.persons != read(desk, body(), RESIDENT).command.filing.persons


def test_the_event_validates_as_its_reader_will(desk: Desk) -> None:
    """R-HOT-02: what is built without validation for speed is what a consumer of the schema accepts."""
    content = body(
        parties=["GL0101"],
        subjects=["GL-URBAN"],
        households=3,
        track="M",
        kind="report",
        emergency_line="110",
        place={"address": "秋岭公寓"},
        reporter={"name": "王", "confidential": True},
        received_at="2026-03-01T10:00:00+08:00",
    )
    case = read(desk, content).command.case
    assert type(case).model_validate_json(case.model_dump_json(exclude_none=True)) == case


def test_the_door_of_a_home_is_in_the_encrypted_record_alone(desk: Desk) -> None:
    """R-PRIV-01, R-LAD-01, R-LAD-05: the building is told, for it routes; of a danger the door is, too."""
    home = {"address": "秋岭公寓3幢1单元602室"}
    words = {"title": "3幢602室漏水", "text": "我家秋岭公寓3幢1单元602室漏水，楼上是702室。"}
    plain = read(desk, body(place=home, **words))
    case, sealed = plain.command.case, plain.command.filing.sealed
    assert (case.place.address, case.place.building_group) == ("秋岭公寓3幢1单元〔房号〕", BUILDING)
    assert (case.title, case.text) == (
        "3幢〔房号〕漏水",
        "我家秋岭公寓3幢1单元〔房号〕漏水，楼上是702室。",
    )
    assert sealed is not None
    kept = orjson.loads(desk.vault.open(plain.case_id, sealed))
    assert kept == words | home

    danger = read(desk, body(place=home, title="着火了", text="秋岭公寓3幢602室着火了"))
    assert (danger.command.case.place.address, "602室" in danger.command.case.text) == (home["address"], True)


@pytest.mark.parametrize(
    ("name", "signed", "kept"),
    [
        ("慕容月白", "路灯不亮。\n慕容月白", "路灯不亮。\n〔姓名〕"),
        ("Jane Roe", "路灯不亮。Jane Roe", "路灯不亮。〔姓名〕"),
        ("王", "王家巷路灯不亮", "王家巷路灯不亮"),
        (None, "路灯不亮。\n慕容月白", "路灯不亮。\n慕容月白"),
    ],
)
def test_the_name_that_a_reporter_signs_with_is_masked(
    desk: Desk, name: str | None, signed: str, kept: str
) -> None:
    """R-PRIV-01, R-HOT-14: it is known from its own field; a surname alone could be a part of any word."""
    made = read(desk, body(text=signed, title=signed, reporter={"name": name}))
    assert (made.command.case.text, made.command.case.title) == (kept, kept)


def test_a_name_that_is_announced_anywhere_is_masked_in_the_whole_message(desk: Desk) -> None:
    """R-PRIV-01: title, text and address are one message; what was written stands encrypted."""
    given = body(
        title="欧阳修文反映路灯不亮13912345678",
        text="我叫欧阳修文，楼下路灯不亮。",
        place={"grid": GRID, "address": "秋岭公寓3幢欧阳修文家"},
    )
    made = read(desk, given).command
    assert (made.case.title, made.case.text) == (
        "〔姓名〕反映路灯不亮〔电话〕",
        "我叫〔姓名〕，楼下路灯不亮。",
    )
    assert made.case.place.address == "秋岭公寓3幢〔姓名〕家"
    assert made.filing.sealed is not None
    apart = read(desk, body(title="欧阳修文反映路灯不亮", text="楼下路灯不亮。")).command.case
    assert apart.title == "欧阳修文反映路灯不亮"  # nobody says that it is a name
