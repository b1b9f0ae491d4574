"""Open311 without a database: the two formats, the clients' keys, and what a report may be."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import orjson
import pytest

from chassis.settings import SettingsError
from reference.areas import GridIndex
from reference.load import load
from reference.open311 import Offers, check_open311, load_open311
from services.intake.channels.open311 import configured
from services.intake.channels.open311.forms import moment, parse, read_report
from services.intake.channels.open311.keys import AT_ONCE, Clients, read_clients
from services.intake.channels.open311.public import span, wanted
from services.intake.channels.open311.wire import Refused, answer, errors
from services.intake.check import Check, Surroundings
from tests.intake_kit import GRID, GULOU

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
KEY = "0123456789abcdef"


@pytest.fixture(scope="module")
def around() -> Surroundings:
    return Surroundings.of(load(GULOU), GridIndex.load(GULOU))


@pytest.fixture(scope="module")
def offers(around: Surroundings) -> Offers:
    return load_open311(GULOU, around.jurisdiction)


def test_xml_is_escaped_and_well_formed_whatever_people_wrote() -> None:
    nasty = "<script>alert(1)</script> & ]]> \x00\x0b\ud7ff"
    response = answer(
        "xml", "service_requests", [{"description": nasty, "open": True, "lat": 34.2, "zip": None}]
    )
    assert response.headers["content-type"] == "text/xml; charset=utf-8"
    request = ElementTree.fromstring(bytes(response.body))[0]
    assert request.findtext("description") == "<script>alert(1)</script> & ]]> \ufffd\ufffd\ud7ff"
    assert [request.findtext(name) for name in ("open", "lat", "zip")] == ["true", "34.2", ""]


def test_json_lists_are_bare_and_errors_take_the_format_of_the_request() -> None:
    assert orjson.loads(answer("json", "services", [{"metadata": True}]).body) == [{"metadata": True}]
    refused = Refused((404, "a"), (400, "b"))
    told = errors("json", refused)
    assert (told.status_code, told.headers["content-type"]) == (404, "application/json")
    assert orjson.loads(told.body) == [{"code": 404, "description": "a"}, {"code": 400, "description": "b"}]
    tree = ElementTree.fromstring(bytes(errors("xml", refused).body))
    assert (tree.tag, [each.findtext("code") for each in tree.findall("error")]) == ("errors", ["404", "400"])


@pytest.mark.parametrize(
    "value",
    ["app", "app=short", f"app={KEY},app={KEY}x", f"a={KEY},b={KEY}", f"App={KEY}", f"a={KEY},", "=" + KEY],
)
def test_keys_that_cannot_be_told_apart_or_guessed_are_refused_unprinted(value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_clients({"CASELADDER_OPEN311_KEYS": value})
    assert "CASELADDER_OPEN311_KEYS is not usable" in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_client_is_known_by_its_key_alone() -> None:
    clients = read_clients({"CASELADDER_OPEN311_KEYS": f"city-app={KEY}, fixit={KEY}+"})
    assert clients is not None
    assert [clients.named(key) for key in (KEY, KEY + "+", KEY[:-1], "", "\ud800")] == [
        "city-app",
        "fixit",
        None,
        None,
        None,
    ]
    assert KEY not in repr(vars(clients))
    assert configured({}) is None


def test_each_client_has_its_own_measure() -> None:
    clients = Clients({"a": KEY, "b": KEY + "b"}, clock=lambda: 0.0)
    assert [clients.wait("a") for _ in range(AT_ONCE)] == [0.0] * AT_ONCE
    assert clients.wait("a") > 0
    assert clients.wait("b") == 0


def test_an_empty_parameter_equals_an_absent_one() -> None:
    assert parse(b"a=&b=+&c=1&attribute%5Bx%5D%5B%5D=2&attribute[x][]=3") == {
        "c": ["1"],
        "attribute[x][]": ["2", "3"],
    }
    for broken in (b"a=%ff", b"&".join(b"a=1" for _ in range(500))):
        with pytest.raises(Refused):
            parse(broken)


def refused(around: Surroundings, offers: Offers, text: str) -> list[tuple[int, str]]:
    with pytest.raises(Refused) as caught:
        read_report(parse(text.encode()), offers, Check(around, NOW))
    return list(caught.value.errors)


def test_all_faults_of_a_report_are_told_at_once(around: Surroundings, offers: Offers) -> None:
    told = refused(
        around,
        offers,
        "service_code=municipal.streetlight&lat=1&long=x&email=no&phone=12&media_url=file:///etc/passwd"
        "&attribute[nope]=1&attribute[households]=2.5&description=<script>x</script>",
    )
    assert {code for code, _ in told} == {400}
    words = " ".join(description for _, description in told)
    for name in (
        "long is no number",
        "email",
        "phone",
        "media_url",
        "does not ask",
        "attribute[households]",
        "attribute[lamps] was not given",
        "HTML",
    ):
        assert name in words, name
    assert "passwd" not in words
    unknown = refused(around, offers, "service_code=none.such&description=" + "x" * 4001)
    assert [code for code, _ in unknown] == [404, 400, 400]


@pytest.mark.parametrize(
    "place",
    [
        "lat=34.26",
        "long=117.2",
        "lat=1&long=1",
        "lat=nan&long=inf",
        "address_id=GL-NOWHERE",
        "address_string=",
    ],
)
def test_a_place_is_demanded(around: Surroundings, offers: Offers, place: str) -> None:
    assert refused(around, offers, f"service_code=municipal.road&{place}")


@pytest.mark.parametrize("place", [f"address_id={GRID}", "address_id=GL01010101", "address_string=somewhere"])
def test_any_of_the_three_ways_names_a_place(around: Surroundings, offers: Offers, place: str) -> None:
    given = parse(f"service_code=municipal.road&{place}".encode())
    _, body = read_report(given, offers, Check(around, NOW))
    assert (body.title, body.text) == ("道路破损", "道路破损")


def test_answers_become_words_but_for_the_households(around: Surroundings, offers: Offers) -> None:
    """R-LAD-03: their number counts."""
    given = parse(
        "service_code=order.construction-noise&address_string=x&description=吵&attribute[business]=某工地"
        "&attribute[times][]=night&attribute[times][]=evening&first_name=三&last_name=张".encode()
    )
    _, body = read_report(given, offers, Check(around, NOW))
    assert body.text == "吵\n通常在什么时段：夜间22时至次日6时、傍晚18至22时\n单位、商户或工地名称：某工地"
    assert body.reporter is not None
    assert body.reporter.name == "张三"
    given = parse(b"service_code=municipal.road&address_string=x&attribute[households]=40")
    assert read_report(given, offers, Check(around, NOW))[1].households == 40


def test_moments_have_their_zone_also_where_the_plus_was_lost() -> None:
    assert moment("2026-11-24T08:00:00 08:00") == datetime(2026, 11, 24, tzinfo=UTC)
    assert moment("2026-11-24T00:00:00Z") == datetime(2026, 11, 24, tzinfo=UTC)
    assert [moment(text) for text in ("2026-11-24", "2026-11-24T08:00:00", "yesterday", "")] == [None] * 4


def test_a_list_spans_at_most_ninety_days(offers: Offers) -> None:
    faults: list[tuple[int, str]] = []
    since, until = span({}, NOW, faults)
    assert (until - since).days == 90
    since, until = span({"start_date": ["2026-01-01T00:00:00Z"]}, NOW, faults)
    assert ((until - since).days, faults) == (90, [])
    for start, end in (("2026-01-01", "2026-12-01"), ("2026-02-01", "2026-01-01")):
        given = {"start_date": [f"{start}T00:00:00Z"], "end_date": [f"{end}T00:00:00Z"]}
        with pytest.raises(Refused):
            wanted(given, offers, NOW)


def test_a_fault_in_the_offer_is_named_with_its_line(tmp_path: Path) -> None:
    """R-PET-10, R-PRIV-01: also that a petition or a quarrel must not be published."""
    folder = tmp_path / "gulou"
    shutil.copytree(GULOU, folder, ignore=shutil.ignore_patterns("policy", "messages.csv", "areas"))
    file = folder / "open311.yaml"
    text = file.read_text(encoding="utf-8")
    jurisdiction = load(GULOU)
    for old, new, said in (
        (
            "neighbour: {attributes: [floor, times, wish], published: false}",
            "neighbour: {attributes: [floor], published: true}",
            "must not be published",
        ),
        ("traffic.bus: {attributes: [plate]}", "traffic.bus: {attributes: [plaet]}", "plaet is not asked"),
        ("required: [lamps]", "required: [plate]", "plate is not asked"),
        ("not_offered: [family, government]", "not_offered: [family]", "head government must stand"),
        ("traffic.ticket:", "traffic.tickets:", "traffic.tickets is no matter"),
        ("datatype: number, description: 大约", "datatype: text, description: 大约", "only a number fills"),
        ("code: pole", "code: plate", "given twice"),
    ):
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")
        found = [str(each) for each in check_open311(folder, jurisdiction)]
        assert any(said in each and each.startswith("open311.yaml:") for each in found), (new, found)
