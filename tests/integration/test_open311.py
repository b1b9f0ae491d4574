"""The Open311 server end to end on a real PostgreSQL: both formats, what is published, and what never is."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from xml.etree import ElementTree

import httpx
import pytest

from schemas import router
from schemas.department import HandlingMode
from services.intake.channels.open311.keys import AT_ONCE, Clients
from services.intake.channels.open311.public import hour_of
from services.intake.channels.open311.server import BASE, Open311
from services.intake.guessing import WRONG_AT_ONCE
from services.intake.ids import PublicNumbers, TrackingCodes
from tests.intake_kit import GRID, Intake, body, running

KEY = "a-key-of-the-city-app"
LAMP = {
    "api_key": KEY,
    "service_code": "municipal.streetlight",
    "address_id": GRID,
    "attribute[lamps]": "several",
    "description": "路灯坏了三盏，我叫张建国，电话13800138000",
}
FIELDS = [
    "service_request_id", "status", "status_notes", "service_name", "service_code", "description",
    "agency_responsible", "service_notice", "requested_datetime", "updated_datetime", "expected_datetime",
    "address", "address_id", "zipcode", "lat", "long", "media_url",
]  # fmt: skip


@pytest.fixture
def clients() -> Clients:
    return Clients({"city-app": KEY}, clock=lambda: 0.0)


@pytest.fixture
async def intake(intake_url: str, tmp_path: Path, clients: Clients) -> AsyncIterator[Intake]:
    async with running(
        intake_url, tmp_path, [Open311(clients)], public_url="https://12345.example.cn"
    ) as service:
        yield service


async def get(intake: Intake, path: str, expected: int = 200, **parameters: str) -> Any:
    answer = await intake.client.get(f"{BASE}{path}", params=parameters)
    assert answer.status_code == expected, answer.text
    if path.rpartition(".")[2] == "json":
        assert answer.headers["content-type"] == "application/json"
        return answer.json()
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    return ElementTree.fromstring(answer.content)


async def post(intake: Intake, form: str = "json", **changes: str) -> httpx.Response:
    given = {name: value for name, value in (LAMP | changes).items() if value}
    return await intake.client.post(f"{BASE}/requests.{form}", data=given)


async def reported(intake: Intake, **changes: str) -> dict[str, Any]:
    answer = await post(intake, **changes)
    assert answer.status_code == 200, answer.text
    (shown,) = answer.json()
    return dict(shown)


async def case_of(intake: Intake, shown: dict[str, Any]) -> str:
    """Return the case of a report, by the tracking code in its notice."""
    code = shown["service_notice"].partition("查询码：")[2][:12]
    digest = TrackingCodes(intake.host.settings.keys().index_key).digest(code)
    found = await intake.pool.fetchval("SELECT case_id FROM intake.case_file WHERE code_digest = $1", digest)
    return str(found)


def dispatched(matter: str | None, *, registered: router.Registration | None) -> router.CaseDispatched:
    return router.CaseDispatched(
        unit="GL-URBAN",
        number=1,
        rung=3,
        mode=HandlingMode.TRANSFER,
        matter=matter,
        track="S",
        urgency=3,
        route=router.Route(policy="p", jurisdiction="GL"),
        registered=registered,
    )


def found(matter: str, **more: Any) -> router.Registration:
    judgement = router.Judgement(
        by=router.TriagedBy.ENGINE, matter=matter, track="S", urgency=3, confidence=1.0
    )
    return router.Registration(judgement=judgement, place=GRID, **more)


async def test_discovery_and_services_in_both_formats(intake: Intake) -> None:
    """A forged Host leads nobody elsewhere."""
    forged = await intake.client.get(f"{BASE}/discovery.json", headers={"Host": "evil.test"})
    told = forged.json()
    assert set(told) == {"changeset", "contact", "key_service", "endpoints"}
    (endpoint,) = told["endpoints"]
    assert set(endpoint) == {"specification", "url", "changeset", "type", "formats"}
    assert endpoint["url"] == f"https://12345.example.cn{BASE}"
    tree = await get(intake, "/discovery.xml")
    formats = [each.text for each in tree.findall("endpoints/endpoint/formats/format")]
    assert (tree.tag, formats) == ("discovery", ["text/xml", "application/json"])
    services = await get(intake, "/services.json")
    names = {"service_code", "service_name", "description", "metadata", "type", "keywords", "group"}
    assert all(set(each) == names for each in services)
    kinds = {each["service_code"]: each["type"] for each in services}
    assert (kinds["municipal.streetlight"], kinds["neighbour.quarrel"]) == ("realtime", "batch")
    assert not [code for code in kinds if code.startswith(("family.", "government."))]
    tree = await get(intake, "/services.xml")
    assert [each.tag for each in tree[0]] == [
        "service_code", "service_name", "description", "metadata", "type", "keywords", "group",
    ]  # fmt: skip
    assert len(tree.findall("service")) == len(services)


async def test_a_service_says_what_it_asks(intake: Intake) -> None:
    told = await get(intake, "/services/municipal.streetlight.json")
    assert told["service_code"] == "municipal.streetlight"
    first = told["attributes"][0]
    assert first | {"datatype_description": None} == {
        "variable": True,
        "code": "lamps",
        "datatype": "singlevaluelist",
        "required": True,
        "datatype_description": None,
        "order": 1,
        "description": "有多少盏灯不亮",
        "values": [
            {"key": "one", "name": "一盏"},
            {"key": "several", "name": "几盏"},
            {"key": "street", "name": "整条路"},
        ],
    }
    tree = await get(intake, "/services/municipal.streetlight.xml")
    assert tree.tag == "service_definition"
    keys = [each.text for each in tree.findall("attributes/attribute[code='lamps']/values/value/key")]
    assert keys == ["one", "several", "street"]
    assert (await get(intake, "/services/nope.xml", 404)).findtext("error/code") == "404"


async def test_a_report_is_taken_and_known_by_its_client(intake: Intake) -> None:
    """R-PRIV-01: the event names the system alone; the reporter is encrypted, the picture a mere reference."""
    shown = await reported(
        intake, first_name="建国", last_name="张", phone="13800138000", email="zhang@example.cn",
        account_id="u-7", media_url="https://pictures.example/1.jpg",
    )  # fmt: skip
    assert set(shown) == {"service_request_id", "service_notice", "account_id"}
    assert shown["account_id"] == "u-7"
    case_id = await case_of(intake, shown)
    assert case_id != shown["service_request_id"]
    (event,) = await intake.events(case_id, "CaseSubmitted")
    assert (event["channel"], event["matter"]) == ("open311", "municipal.streetlight")
    assert event["by"] == {"subject": "open311:city-app", "role": "system"}
    assert event["text"].endswith("有多少盏灯不亮：几盏")
    for personal in ("13800138000", "zhang@", "pictures.example", "u-7", "张建国"):
        assert personal not in str(event), personal
    path = f"/v1/cases/{case_id}/person"
    person = await intake.client.get(path, params={"purpose": "回访"}, headers=intake.operator)
    assert person.json()["name"] == "张建国"
    assert person.json()["email"] == "zhang@example.cn"
    assert person.json()["media_url"] == "https://pictures.example/1.jpg"


async def test_a_public_request_shows_its_grid_and_hour_and_nobodys_words(intake: Intake) -> None:
    """R-PRIV-01: neither what the resident wrote nor what the unit replied."""
    before = datetime.now(UTC)
    shown = await reported(intake)
    number = shown["service_request_id"]
    await intake.say(
        await case_of(intake, shown),
        dispatched("municipal.streetlight", registered=found("municipal.streetlight")),
        router.CaseReplied(unit="GL-URBAN", result="702室王阿姨家门口的灯已修好", solved=True),
    )
    (row,) = await get(intake, f"/requests/{number}.json", extensions="true")
    assert list(row) == [*FIELDS, "extended_attributes"]
    assert row["extended_attributes"] == {
        "group": "市政", "status_code": "replied", "grid": GRID, "community": "GL0101",
    }  # fmt: skip
    assert (row["status"], row["status_notes"], row["agency_responsible"]) == (
        "open", "承办单位已答复。", "区城市管理局",
    )  # fmt: skip
    assert (row["description"], row["media_url"], row["address_id"]) == (None, None, GRID)
    assert row["address"] == "博苑社区第1网格"
    requested = datetime.fromisoformat(row["requested_datetime"])
    assert requested == before.replace(minute=0, second=0, microsecond=0)
    assert datetime.fromisoformat(row["updated_datetime"]) >= requested
    tree = await get(intake, f"/requests/{number}.xml")
    assert (tree.tag, [each.tag for each in tree.find("request") or ()]) == ("service_requests", FIELDS)
    assert float(tree.findtext("request/lat") or 0) == row["lat"]
    everything = ElementTree.tostring(tree, encoding="unicode") + str(row)
    for word in ("702", "阿姨", "张建国", "三盏", "138"):
        assert word not in everything


async def test_a_request_closes_with_its_case(intake: Intake) -> None:
    """R-LEDGER-01: also one that the resident takes back."""
    shown = [await reported(intake) for _ in range(3)]
    closed, withdrawn, standing = (each["service_request_id"] for each in shown)
    await intake.say(
        await case_of(intake, shown[0]),
        dispatched("municipal.streetlight", registered=found("municipal.streetlight")),
        router.CaseClosed(outcome=router.Outcome.RESOLVED, unit="GL-URBAN"),
        router.CaseArchived(),
    )
    path = f"/v1/cases/{await case_of(intake, shown[1])}/withdrawal"
    assert (await intake.client.post(path, json={}, headers=intake.operator)).status_code == 200
    listed = {
        status: {row["service_request_id"] for row in await get(intake, "/requests.json", status=status)}
        for status in ("open", "closed", "open,closed")
    }
    assert listed == {
        "open": {standing},
        "closed": {closed, withdrawn},
        "open,closed": {closed, withdrawn, standing},
    }
    updates = await get(intake, "/servicerequestupdates.json")
    assert [(each["service_request_id"], each["status"]) for each in updates] == [
        (closed, "open"), (closed, "closed"), (withdrawn, "closed"),
    ]  # fmt: skip
    tree = await get(intake, "/servicerequestupdates.xml")
    assert (tree.tag, tree[0].tag, tree[0].findtext("description")) == (
        "service_request_updates", "request_update", "已派单。",
    )  # fmt: skip


async def test_a_request_that_is_reopened_is_open_again(intake: Intake) -> None:
    """R-HOT-08: and closes with its second end."""
    shown = await reported(intake)
    case, route = await case_of(intake, shown), found("municipal.streetlight")
    closed = router.CaseClosed(outcome=router.Outcome.RESOLVED, unit="GL-URBAN")
    again = router.CaseReopened(unit="GL-URBAN", times=1)
    sent = dispatched("municipal.streetlight", registered=route)
    for events, is_open in (
        ((sent, closed), False),
        ((again,), True),
        ((closed,), False),
        ((again, sent), True),
    ):
        await intake.say(case, *events)
        assert len(await get(intake, "/requests.json", status="open")) == is_open


async def test_nobody_learns_more_exactly_than_the_hour_when_something_changed(intake: Intake) -> None:
    """R-PRIV-01: no moment, no filter, no number tells it; and whoever asks for part of an hour misses nothing."""
    shown = [await reported(intake) for _ in range(2)]
    for each in shown:
        case = await case_of(intake, each)
        await intake.say(case, dispatched("municipal.streetlight", registered=found("municipal.streetlight")))
    hour = hour_of(datetime.now(UTC) - timedelta(hours=5))
    at = hour + timedelta(minutes=37, seconds=21)

    def minute(number: int) -> str:
        return (hour + timedelta(minutes=number)).isoformat()

    await intake.pool.execute("UPDATE intake.timeline SET at = $1", at)
    (row, _) = await get(intake, "/requests.json")
    assert datetime.fromisoformat(row["updated_datetime"]) == hour
    known = []
    for start, end in ((0, 60), (0, 1), (36, 37), (38, 39), (59, 60)):
        updates = await get(
            intake, "/servicerequestupdates.json", start_date=minute(start), end_date=minute(end)
        )
        assert {datetime.fromisoformat(each["updated_datetime"]) for each in updates} == {hour}
        known.append([UUID(each["update_id"]) for each in updates])
    assert known == [known[0]] * 5
    assert [number.version for number in known[0]] == [4, 4]
    for start, end in ((-60, 0), (60, 120)):
        assert not await get(
            intake, "/servicerequestupdates.json", start_date=minute(start), end_date=minute(end)
        )
    pages = [
        await get(intake, "/servicerequestupdates.json", page=page, page_size="1") for page in ("1", "2", "3")
    ]
    assert [[UUID(each["update_id"]) for each in page] for page in pages] == [[n] for n in known[0]] + [[]]
    (fault,) = await get(intake, "/servicerequestupdates.json", 400, page="11", page_size="1000")
    assert fault["code"] == 400


async def test_what_came_by_another_channel_is_listed_once_it_is_judged(intake: Intake) -> None:
    """R-HOT-02: the list is of matters in public space, whichever way they came in."""
    case_id = (await intake.accepted(body()))["case_id"]
    assert await get(intake, "/requests.json") == []
    await intake.say(case_id, dispatched("municipal.road", registered=found("municipal.road")))
    (row,) = await get(intake, "/requests.json", service_code="municipal.road,municipal.toilet")
    assert row["service_request_id"] == str(
        PublicNumbers(intake.host.settings.keys().index_key).of(UUID(case_id))
    )
    assert await get(intake, "/requests.json", service_code="municipal.toilet") == []
    await intake.say(case_id, dispatched("neighbour.quarrel", registered=None))
    assert await get(intake, "/requests.json") == []


@pytest.mark.parametrize(
    "registered",
    [
        found("municipal.road", subjects=("GL01",)),
        found("municipal.road", sealed=True),
        found("municipal.road", confidential=True),
        found("neighbour.quarrel"),
    ],
    ids=["accusing", "sealed", "confidential", "private"],
)
async def test_what_is_nobodys_business_is_never_listed(
    intake: Intake, registered: router.Registration
) -> None:
    """R-LAD-04, R-HOT-14, R-PET-10, R-PRIV-01: also where it was listed before the router found out."""
    shown = await reported(intake)
    number = shown["service_request_id"]
    assert len(await get(intake, "/requests.json")) == 1
    await intake.say(
        await case_of(intake, shown), dispatched(registered.judgement.matter, registered=registered)
    )
    await get(intake, f"/requests/{number}.json", 404)
    assert await get(intake, "/requests.json", service_request_id=number) == []
    assert await get(intake, "/servicerequestupdates.json") == []


async def test_an_accusation_under_a_harmless_service_is_not_listed_for_a_moment(intake: Intake) -> None:
    """R-LAD-04, R-PET-10: nor a danger to life, nor what the reporter wants kept."""
    for words in ("城市管理局工作人员推诿扯皮，不作为，我要投诉他们", "路灯下有人持刀砍人，快来人"):
        case_id = (await reported(intake, description=words))["service_request_id"]
        await get(intake, f"/requests/{case_id}.json", 404)
    staffed = body(matter="municipal.road", reporter={"phone": "13800138000", "confidential": True})
    await intake.accepted(staffed)
    await intake.accepted(body(matter="municipal.road", subjects=["GL01"]))
    assert await get(intake, "/requests.json") == []


async def test_a_danger_is_not_listed_when_its_matter_is_handled_afterwards(intake: Intake) -> None:
    """R-LAD-05, R-PRIV-01: not even where a human judges the case anew."""
    shown = await reported(intake)
    route = router.Route(policy="p", jurisdiction="GL")
    road = found("municipal.road")
    await intake.say(
        await case_of(intake, shown),
        router.EmergencyTransferred(line="110", words="持刀", unit="GL-HOTLINE", route=route),
        dispatched("municipal.road", registered=road),
    )
    assert await get(intake, "/requests.json") == []


async def test_whatever_the_list_says_an_accusing_file_is_not_shown(intake: Intake) -> None:
    """R-LAD-04: the second lock."""
    case_id = (await reported(intake))["service_request_id"]
    await intake.pool.execute("UPDATE intake.case_file SET subjects = '{GL01}'")
    await get(intake, f"/requests/{case_id}.xml", 404)
    assert await get(intake, "/requests.json") == []


async def test_a_private_matter_gets_a_token_which_is_the_tracking_code(intake: Intake) -> None:
    """R-PET-13: the holder finds the request's number and follows the case; a guesser is held up."""
    shown = await reported(intake, **{"service_code": "neighbour.noise", "attribute[lamps]": ""})
    assert set(shown) == {"token", "service_notice", "account_id"}
    (told,) = await get(intake, f"/tokens/{shown['token']}.json")
    case_id = await case_of(intake, shown)
    assert (await intake.events(case_id, "CaseSubmitted"))[0]["matter"] == "neighbour.noise"
    assert told["token"] == shown["token"]
    assert (await intake.client.get(f"/v1/track/{shown['token']}")).json()["status"] == "received"
    await get(intake, f"/requests/{told['service_request_id']}.json", 404)
    for _ in range(WRONG_AT_ONCE):
        await get(intake, "/tokens/AAAABBBBCCCC.json", 404)
    assert (await get(intake, "/tokens/AAAABBBBCCCC.xml", 429)).findtext("error/code") == "429"
    tree = await get(intake, f"/tokens/{shown['token']}.xml")
    assert tree.findtext("request/service_request_id") == told["service_request_id"]


async def test_errors_have_their_numbers_and_the_format_of_the_path(intake: Intake) -> None:
    keyless = await post(intake, api_key="", description="现在楼道着火了，冒浓烟，快来人！")
    assert (keyless.status_code, "拨打消防119" in keyless.text) == (403, True)  # R-LAD-05
    for key in ("", "wrong"):
        for form in ("xml", "json"):
            answer = await post(intake, form, api_key=key)
            assert answer.status_code == 403, answer.text
    answer = await post(intake, "xml", service_code="", address_id="")
    tree = ElementTree.fromstring(answer.content)
    assert (answer.status_code, len(tree.findall("error")), tree.findtext("error/code")) == (400, 2, "400")
    assert (await post(intake, service_code="no.such")).json()[0]["code"] == 404
    assert (await post(intake, jurisdiction_id="elsewhere")).json()[0]["code"] == 404
    assert (await post(intake, jurisdiction_id="gl")).status_code == 200
    headers = {"Content-Type": "application/json"}
    answer = await intake.client.post(f"{BASE}/requests.json", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()[0]["code"]) == (400, 400)
    for path in ("/requests.html", "/nothing.xml", "/services/a/b.xml", "/tokens/x%2F..%2Fy.xml"):
        refused = await intake.client.get(BASE + path)
        assert (refused.status_code, refused.headers["content-type"]) == (404, "text/xml; charset=utf-8"), (
            path
        )
    assert (await intake.client.delete(f"{BASE}/requests.json")).json()[0]["code"] == 404
    for parameters in (
        {"status": "new"}, {"start_date": "2026-01-01"}, {"page": "0"}, {"page_size": "1001"},
        {"page": "11", "page_size": "1000"}, {"end_date": "2026-01-01T00:00:00"},
    ):  # fmt: skip
        (fault,) = await get(intake, "/requests.json", 400, **parameters)
        assert fault["code"] == 400
    await get(intake, "/requests.json", 404, service_code="no.such", status="new")


async def test_who_guesses_keys_is_held_up_and_a_right_key_is_not(intake: Intake) -> None:
    """R-PRIV-01."""
    for _ in range(WRONG_AT_ONCE):
        assert (await post(intake, api_key="guess")).status_code == 403
    held = await post(intake, "xml", api_key="guess")
    assert (held.status_code, ElementTree.fromstring(held.content).findtext("error/code")) == (429, "429")
    assert (await post(intake)).status_code == 200


async def test_a_client_gone_wild_is_held_up_but_a_danger_is_taken(intake: Intake, clients: Clients) -> None:
    """R-LAD-05: and who reports one in a report that cannot be taken hears whom to call."""
    assert (await post(intake, description="坏了")).status_code == 200
    assert [clients.wait("city-app") for _ in range(AT_ONCE - 1)] == [0] * (AT_ONCE - 1)
    held = await post(intake, description="坏了")
    assert (held.status_code, held.json()[0]["code"]) == (429, 429)
    assert int(held.headers["retry-after"]) >= 1
    fire = "现在楼道着火了，冒浓烟，快来人！"
    (shown,) = (await post(intake, description=fire)).json()
    assert "立即拨打消防119" in shown["service_notice"]
    refused = await post(intake, description=fire, address_id="")
    assert (refused.status_code, "拨打消防119" in refused.text) == (400, True)


async def test_the_same_report_sent_twice_under_one_key_is_one_case(intake: Intake) -> None:
    answers = [
        await intake.client.post(f"{BASE}/requests.json", data=LAMP, headers={"Idempotency-Key": "once"})
        for _ in range(2)
    ]
    assert len({answer.json()[0]["service_request_id"] for answer in answers}) == 1
    assert await intake.count("case_file") == 1


async def test_reports_without_an_account_are_no_repeats_of_each_other(intake: Intake) -> None:
    """R-PET-18: one account's are; nobody's are not."""
    for account in ("", "", "u-1", "u-1"):
        await reported(intake, account_id=account)
    events = await intake.pool.fetch(
        "SELECT data ->> 'repeat_of' IS NOT NULL FROM chassis.event_log WHERE type LIKE '%CaseSubmitted%'"
        " ORDER BY position"
    )
    assert [row[0] for row in events] == [False, False, False, True]


async def test_markup_in_a_report_is_refused_and_comes_back_from_nowhere(intake: Intake) -> None:
    refused = await post(intake, description="<img src=x onerror=alert(1)>")
    assert (refused.status_code, "onerror" in refused.text) == (400, False)
    assert "<script" not in (await post(intake, service_code="<script>", api_key=KEY)).text


async def test_a_database_that_is_away_is_told_in_the_format_of_the_path(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr("services.intake.channels.open311.server.newest", away)
    assert (await get(intake, "/requests.xml", 503)).findtext("error/code") == "503"


async def test_pages_and_filters_cut_the_list_the_newest_first(intake: Intake) -> None:
    """The cap is 90 days; named requests override all other filters."""
    old = (await reported(intake))["service_request_id"]
    past = hour_of(datetime.now(UTC) - timedelta(days=91))
    await intake.pool.execute("UPDATE intake.public_case SET requested_at = $1", past)
    numbers = [(await reported(intake, description=str(n)))["service_request_id"] for n in range(3)]
    rows = await get(intake, "/requests.json")
    assert [row["service_request_id"] for row in rows] == numbers[::-1]
    second = await get(intake, "/requests.json", page="2", page_size="2")
    assert [row["service_request_id"] for row in second] == [numbers[0]]
    named = await get(
        intake, "/requests.json", service_request_id=f"{old},{UUID(int=0)},x", status="closed", page_size="1"
    )
    assert [row["service_request_id"] for row in named] == [old]
    long_ago = await get(intake, "/requests.json", start_date=(past - timedelta(days=1)).isoformat())
    assert old in [row["service_request_id"] for row in long_ago]
    query = urlencode({"end_date": past.isoformat()})
    assert (await intake.client.get(f"{BASE}/requests.json?{query}")).json() == []
