"""Three residents by three channels, in one run of the whole system: each case goes its whole way, each notice
arrives where residents read it, and nothing that the run leaves behind tells who they are.

The residents, and the people who work on their cases, do everything once, side by side; the tests look at what came
of it.
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copytree
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest

from services.cli.local import PORT_OFFSETS
from services.intake.channels.wechat import words
from tests.e2e.collector import collecting
from tests.e2e.providers import Providers, Seen, providing
from tests.e2e.system import System
from tests.e2e.town import PLAIN, Case, Town, until, visiting
from tests.e2e.traces import files, forms, found, tables
from tests.imap_kit import letter
from tests.intake_kit import GULOU
from tests.wechat_kit import Follower

pytestmark = pytest.mark.xdist_group("journeys")

COMMUNITY: Final = "GL0101"
URBAN: Final = "GL-URBAN"
OPEN311: Final = "planted-open311-key"
RESULT: Final = "已安排专人上门，问题已处理"


@dataclass(frozen=True)
class Person:
    """Who tells a matter; every part of it is planted, and must be found with the providers and in intake alone."""

    channel: str
    name: str
    phone: str
    id_number: str
    reached_at: str
    """Openid, e-mail address or phone number."""
    room: str
    """Of their home, with its building: the door by which a household is known."""
    address: str
    unit: str
    """Whose work it is."""

    @property
    def secrets(self) -> dict[str, str]:
        """What must not be found, by name."""
        told = {name: value for name, value in self.__dict__.items() if name not in {"channel", "unit"}}
        return {f"{self.channel} {name}": value for name, value in told.items()}

    @property
    def introduction(self) -> str:
        """As people write it."""
        return f"我叫{self.name}，身份证{self.id_number}，电话{self.phone}。"


FOLLOWER: Final = Person(
    "wechat", "尉迟青禾", "13651297402", "320303198807086127", "oPlanted_Qinghe-0001",
    "2幢3单元1207室", "秋岭公寓2幢3单元1207室", COMMUNITY,
)  # fmt: skip
WRITER: Final = Person(
    "email", "慕容月白", "13770561938", "320303197602285318", "yuebai.planted@mail.example.cn",
    "5幢1单元0904室", "秋岭公寓5幢1单元0904室", URBAN,
)  # fmt: skip
APP_USER: Final = Person(
    "open311", "东方凌霜", "13912480653", "320303199111194725", "13912480653",
    "7幢1503室", "秋岭公寓7幢1503室", URBAN,
)  # fmt: skip
PEOPLE: Final = (FOLLOWER, WRITER, APP_USER)


@dataclass
class Journey:
    """What became of one case."""

    case: Case
    seen: list[Seen]
    notices: list[dict[str, Any]]
    """The reporter's, as notify lists them."""
    timeline: list[str]
    inbox: list[str]
    person: dict[str, Any]


@dataclass
class Run:
    """One run of everything, once it has ended."""

    journeys: dict[str, Journey] = field(default_factory=dict)
    left: dict[str, bytes] = field(default_factory=dict)
    hooked: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The run that the tests look at; the system has stopped by then."""
    place = tmp_path_factory.mktemp("journeys")
    with providing() as providers, collecting() as collector:
        environment = {
            **providers.environment(COMMUNITY, URBAN),
            **collector.environment,
            "CASELADDER_REFERENCE": str(without_quiet_hours(place / "reference")),
            "CASELADDER_OPEN311_KEYS": f"city-app={OPEN311}",
            "CASELADDER_LOG_LEVEL": "DEBUG",
        }
        system = System(place / "run", environment)
        system.start()
        try:
            done = asyncio.run(everything(system, providers))
        finally:
            system.stop()
        done.left |= files(system.local.run_dir)
        done.left["spans"] = b"\n".join(collector.bodies)
        done.hooked = providers.hooked
        yield done


def without_quiet_hours(target: Path) -> Path:
    """Copy the jurisdiction; in the copy residents are told at any hour, for a test may run at night."""
    copytree(GULOU, target)
    file = target / "notices.yaml"
    text, number = re.subn(
        r"quiet_hours: \{.*\}", 'quiet_hours: {from: "00:00", until: "00:00"}', file.read_text("utf-8")
    )
    assert number == 1
    file.write_text(text, "utf-8")
    return target


async def everything(system: System, providers: Providers) -> Run:
    """Let all three go their way, then gather what it left."""
    run = Run()
    async with visiting(system) as town:
        streets = Streets(town, providers)
        ways = {FOLLOWER: streets.by_wechat, WRITER: streets.by_email, APP_USER: streets.by_open311}
        done = await asyncio.gather(*(way() for way in ways.values()))
        run.journeys = {person.channel: journey for person, journey in zip(ways, done, strict=True)}
        run.left |= await streets.refused(done)
        run.left |= await streets.read_by_others(done)
        run.left |= await tables(system)
        for service in PORT_OFFSETS:
            page = await town.client.get(f"{system.url(service)}/metrics")
            assert page.status_code == 200
            run.left[f"metrics of {service}"] = page.content
    return run


class Streets:
    """The residents of one run, and who works for them."""

    def __init__(self, town: Town, providers: Providers) -> None:
        self.town, self.providers = town, providers
        self.intake = town.system.url("intake")

    # -- in ------------------------------------------------------------------------------------------

    async def by_wechat(self) -> Journey:
        """Told in the account's dialogue, judged by an operator; answered by the link of the template message."""
        async with httpx.AsyncClient(base_url=self.intake, timeout=30, trust_env=False) as client:
            follower = Follower(client, openid=FOLLOWER.reached_at)
            matter = f"{FOLLOWER.introduction}楼道里的灯坏了半个月，晚上看不见。"
            assert await follower.says(matter) == words.ASK_PLACE
            told = await follower.says(FOLLOWER.address)
            more = f"补充：请打{FOLLOWER.phone}，门牌{FOLLOWER.address}"
            assert await follower.says(more) == words.ADDED
        code = told.partition("查询码：")[2].partition("。")[0].replace("-", "")
        case = await self.case_of(FOLLOWER, code)
        await self.town.placed(case, "REGISTERED")
        judged = {"judged": "dispatch", "matter": PLAIN}
        await self.town.do(case, "triage", "operator", "GL-HOTLINE", judged)
        await self.handled(case, FOLLOWER)
        asked = await self.asked(FOLLOWER, 4)
        page = await self.town.client.get(asked.link)
        assert RESULT in page.text
        await self.answered(asked, FOLLOWER, satisfied="yes")
        return await self.ended(case, FOLLOWER, 5)

    async def by_email(self) -> Journey:
        """Written; unsatisfied at first by the link of the letter, and satisfied by that of the second."""
        text = f"{WRITER.introduction}\n{WRITER.address}\n门口的路灯坏了，一直没有人修。\n{WRITER.name}\n"
        sender = f"{WRITER.name} <{WRITER.reached_at}>"
        self.providers.imap.put(letter(text, From=sender, Subject=f"路灯不亮，请联系{WRITER.phone}"))
        case = await self.case_of(WRITER, None)
        await self.handled(case, WRITER)
        await self.answered(await self.asked(WRITER, 3), WRITER, satisfied="no")
        await self.town.told(case, "redo")
        await self.done(case, WRITER)
        await self.answered(await self.asked(WRITER, 6), WRITER, satisfied="yes")
        return await self.ended(case, WRITER, 7)

    async def by_open311(self) -> Journey:
        """Sent by a civic app; an operator calls back on the telephone."""
        form = {
            "api_key": OPEN311,
            "service_code": "municipal.streetlight",
            "attribute[lamps]": "several",
            "address_string": APP_USER.address,
            "first_name": APP_USER.name[2:],
            "last_name": APP_USER.name[:2],
            "phone": APP_USER.phone,
            "description": f"{APP_USER.introduction}家住{APP_USER.address}，三盏灯不亮",
        }
        answer = await self.town.client.post(f"{self.intake}/open311/v2/requests.json", data=form)
        assert answer.status_code == 200, answer.text
        code = answer.json()[0]["service_notice"].partition("查询码：")[2][:12]
        case = await self.case_of(APP_USER, code)
        await self.handled(case, APP_USER)
        asked = await self.asked(APP_USER, 3)
        listed = await self.town.ask("router", "GET /v1/callbacks", "operator", "GL", limit=200)
        assert case.id in {item["case_id"] for item in listed.body["items"]}
        await self.town.do(case, "callback/claim", "operator", "GL")
        said = {"contacted": True, "responded": True, "resolved": True, "satisfied": True}
        await self.town.do(case, "callback", "operator", "GL", said)
        await self.town.told(case, "closed")
        late = await self.town.client.post(
            asked.link, data=dict.fromkeys(("contacted", "resolved", "satisfied"), "yes")
        )
        assert (late.status_code, "本次回访已结束" in late.text) == (409, True)
        return await self.ended(case, APP_USER, 4)

    # -- on the way ----------------------------------------------------------------------------------

    async def case_of(self, person: Person, code: str | None) -> Case:
        """Wait for the case that came by the person's channel; without a code the first notice tells it."""

        async def look() -> str | None:
            query = (
                "SELECT case_id FROM chassis.event_log WHERE type = 'intake.CaseSubmitted.v1'"
                " AND (data::json)->>'channel' = $1"
            )
            row = await connection.fetchval(query, person.channel)
            return str(row) if row else None

        connection = await self.town.system.database("intake")
        try:
            number = await until(look)
        finally:
            await connection.close()
        if code is None:
            [first] = await self.seen(person, 1)
            code = first.link.partition("code=")[2]
        return Case(number, code, {})

    async def handled(self, case: Case, person: Person) -> None:
        """The unit to which it was routed does its work."""
        placed = await self.town.placed(case)
        assert (placed["status"], placed["unit"]["code"]) == ("DISPATCHED", person.unit), placed
        await self.town.do(case, "sign", "handler", person.unit)
        await self.done(case, person)

    async def done(self, case: Case, person: Person) -> None:
        """The unit speaks with the resident and replies, and carelessly writes their number down.

        The community looks at the spot where the work is another unit's (R-GRD-02).
        """
        note = f"已电话联系{person.phone}"
        await self.town.do(case, "contact", "handler", person.unit, {"note": note})
        result = {"result": f"{RESULT}，已告知{person.phone}", "solved": True}
        looked = {} if person.unit == COMMUNITY else {"check": {"unit": COMMUNITY, "matches": True}}
        await self.town.do(case, "reply", "handler", person.unit, result | looked)

    async def seen(self, person: Person, number: int) -> list[Seen]:
        """Wait until so many notices are at the person's provider."""

        async def look() -> list[Seen] | None:
            seen = self.providers.seen(person.reached_at)
            return seen if len(seen) >= number else None

        return await until(look)

    async def asked(self, person: Person, number: int) -> Seen:
        """Wait for the notice of that number, which asks for an answer."""
        asked = (await self.seen(person, number))[number - 1]
        assert urlsplit(asked.link).path.startswith("/c/"), asked
        return asked

    async def answered(self, asked: Seen, person: Person, *, satisfied: str) -> None:
        """Answer by the signed link, as its page does."""
        note = f"请打{person.phone}，我家{person.address}"
        form = {"contacted": "yes", "resolved": satisfied, "satisfied": satisfied, "note": note}
        answer = await self.town.client.post(asked.link, data=form)
        assert "您的评价已收到" in answer.text

    async def ended(self, case: Case, person: Person, number: int) -> Journey:
        """Wait for the close, and until all was sent that there is to send."""
        timeline = await self.town.told(case, "closed")

        async def look() -> list[dict[str, Any]] | None:
            listed = await self.town.ask("notify", f"GET {case.path}/notices", "operator", "GL")
            own = [one for one in listed.body["deliveries"] if one["recipient"] == f"report/{case.id}"]
            return own if len(own) >= number and all(one["state"] != "open" for one in own) else None

        notices = await until(look)

        async def filed() -> list[str] | None:
            inbox = await self.town.ask(
                "notify", f"GET /v1/units/{person.unit}/inbox", "handler", person.unit
            )
            own = [item["notice"] for item in inbox.body["items"] if item["case_id"] == case.id]
            return own if "order-closed" in own else None

        inbox = await until(filed)
        kept = await self.town.ask("intake", f"GET {case.path}/person", "operator", "GL", purpose="回访")
        return Journey(case, self.providers.seen(person.reached_at), notices, timeline, inbox, kept.body)

    # -- what others get to read -----------------------------------------------------------------------

    async def refused(self, done: list[Journey]) -> dict[str, bytes]:
        """Send what cannot be taken, with personal data wherever it goes, and return the answers."""
        one, case = FOLLOWER, done[0].case
        wrong = {
            "title": one.introduction * 20 + one.address,
            "text": 7,
            "matter": one.phone,
            "place": {"grid": one.phone, "address": [one.address]},
            "reporter": {
                "phone": f"{one.phone}x",
                "id_number": f"{one.id_number}?",
                "email": "@",
                "nick": one.name,
            },
            one.phone: one.reached_at,
        }
        broken = f'{{"title": "{one.name}", "text": {one.phone}{one.id_number} {one.address}'.encode()
        asks = [
            self.town.ask("intake", "POST /v1/cases", "operator", "GL", body=wrong),
            self.town.ask("intake", "POST /v1/cases", "operator", "GL", content=broken),
            self.town.ask("intake", f"GET /v1/track/{one.phone}", "operator", "GL"),
            self.town.ask("intake", f"GET /v1/cases/{one.name}", "operator", "GL"),
            self.town.ask("intake", f"GET {case.path}/person", "handler", COMMUNITY, purpose=one.phone),
            self.town.ask("intake", "GET /v1/ledger", "supervisor", "GL", unit=one.name, cursor=one.phone),
            self.town.ask(
                "router", f"POST {case.path}/reply", "handler", COMMUNITY, body={"result": [one.phone]}
            ),
            self.town.ask(
                "router", f"POST {case.path}/contact", "handler", COMMUNITY, body={"note": one.phone}
            ),
            self.town.ask("router", f"GET /v1/cases/{one.id_number}", "operator", "GL"),
            self.town.ask("mediation", f"GET /v1/cases/{one.phone}", "mediator", COMMUNITY),
            self.town.ask("petition", f"GET /v1/cases/{one.phone}", "petition_officer", "GL-PETITION"),
            self.town.ask("notify", f"GET /v1/cases/{one.phone}/notices", "operator", "GL"),
            self.town.ask("notify", f"GET /v1/units/{one.name}/inbox", "handler", COMMUNITY),
        ]
        answers = await asyncio.gather(*asks)
        assert {answer.status // 100 for answer in answers} == {4}, [(a.status, a.body) for a in answers]
        report = {"api_key": OPEN311, "service_code": one.phone, "phone": one.name, "email": one.phone}
        forged = {"signature": one.name, "timestamp": one.phone, "nonce": one.id_number}
        raw = [
            await self.town.client.post(f"{self.intake}/open311/v2/requests.json", data=report),
            await self.town.client.get(f"{self.intake}/open311/v2/tokens/{one.phone}.json"),
            await self.town.client.post(f"{self.intake}/v1/channels/wechat", params=forged, content=broken),
            await self.town.client.post(f"{self.intake}/c/{one.phone}", data={"note": one.address}),
        ]
        assert {answer.status_code // 100 for answer in raw} == {4}, raw
        said = {f"refusal {number}": repr(answer).encode() for number, answer in enumerate(answers)}
        return said | {f"refusal of a channel {number}": answer.content for number, answer in enumerate(raw)}

    async def read_by_others(self, done: list[Journey]) -> dict[str, bytes]:
        """Return what units, the public and whoever runs the system read of the cases."""
        ask = self.town.ask
        shown = {}
        for journey in done:
            path, code = journey.case.path, journey.case.code
            answers = [
                await ask("router", f"GET {path}", "operator", "GL"),
                await ask("router", f"GET {path}/route", "supervisor", "GL"),
                await ask("intake", f"GET {path}", "operator", "GL"),
                await ask("notify", f"GET {path}/notices", "operator", "GL"),
                await ask("router", "GET /v1/assignments", "handler", COMMUNITY, ended=True),
            ]
            assert [answer.status for answer in answers] == [200] * 5, answers
            page = await self.town.client.get(f"{self.intake}/v1/track/{code}")
            shown[f"views of {path}"] = repr(answers).encode() + page.content
        lists = await self.town.client.get(f"{self.intake}/open311/v2/requests.json")
        return shown | {"public list": lists.content}


# -- what came of it -----------------------------------------------------------------------------------

WAY: Final = ["dispatched", "replied", "callback"]


def told(journey: Journey) -> list[tuple[str, str, str]]:
    """Return the reporter's notices as notify lists them; asserts that the provider saw those and no others."""
    assert [one["id"] for one in journey.notices] == [str(seen.id) for seen in journey.seen]
    return [(one["notice"], one["channel"], one["state"]) for one in journey.notices]


def links(journey: Journey) -> list[str]:
    """Return where the notices lead: to a callback, or to the time line by the own code."""
    assert all(journey.case.code in one.text for one in journey.seen)
    led = [urlsplit(one.link) for one in journey.seen]
    return ["callback" if one.path.startswith("/c/") else f"{one.path}?{one.query}" for one in led]


def test_a_wechat_message_goes_the_whole_way(run: Run) -> None:
    """R-HOT-02, R-HOT-04, R-HOT-07, R-HOT-08, R-LEDGER-01: by template messages, answered by their link."""
    journey = run.journeys["wechat"]
    assert told(journey) == [(name, "wechat", "sent") for name in ("queued", *WAY, "closed")]
    names = ["WX-QUEUED", "WX-DISPATCHED", "WX-REPLIED", "WX-CALLBACK", "WX-CLOSED"]
    assert [one.template for one in journey.seen] == names
    track = f"/track?code={journey.case.code}"
    assert links(journey) == [track, track, track, "callback", track]
    assert journey.timeline[-2:] == ["已收到您的评价。", "您的诉求已办结。"]
    assert "已收到您补充的情况。" in journey.timeline
    assert journey.inbox == ["order", "order-closed"]


def test_an_email_goes_the_whole_way(run: Run) -> None:
    """R-HOT-02, R-HOT-07, R-HOT-08, R-LEDGER-01: unsatisfied by one letter's link, redone, then satisfied."""
    journey = run.journeys["email"]
    assert told(journey) == [
        (name, "email", "sent") for name in (*WAY, "redo", "replied", "callback", "closed")
    ]
    track = f"/track?code={journey.case.code}"
    assert links(journey) == [track, track, "callback", track, track, "callback", track]
    assert journey.seen[2].link != journey.seen[5].link
    assert journey.timeline[-1] == "您的诉求已办结。"
    assert journey.inbox == ["order", "order-redo", "order-closed"]


def test_an_open311_report_goes_the_whole_way(run: Run) -> None:
    """R-HOT-02, R-HOT-07, R-HOT-08, R-LEDGER-01: by text messages, and called back by an operator."""
    journey = run.journeys["open311"]
    assert told(journey) == [(name, "sms", "sent") for name in (*WAY, "closed")]
    codes = ["SMS_500100007", "SMS_500100013", "SMS_500100014", "SMS_500100016"]
    assert [one.template for one in journey.seen] == codes
    track = f"/track?code={journey.case.code}"
    assert links(journey) == [track, track, "callback", track]
    assert journey.timeline[-1] == "您的诉求已办结。"
    assert journey.inbox == ["order", "order-closed"]


def test_the_unit_is_told_at_its_own_endpoint(run: Run) -> None:
    """R-LEDGER-01: both sides; the department's system gets the orders of all three, signed."""
    orders = {(one["subject"], one["data"]["notice"]) for one in run.hooked}
    assert orders >= {(journey.case.id, "order") for journey in run.journeys.values()}


def test_nothing_that_a_run_leaves_behind_tells_of_a_person(run: Run) -> None:
    """R-PRIV-01, R-HOT-14: no name, phone, id number, e-mail address, openid or home in what the run produced.

    Looked through are all tables of all services (logs of events, queues, messages, answers kept for repeats; what
    intake has encrypted is there, too, and is not readable), all logs at the level DEBUG, all spans, all metrics,
    what units and the public get to read, and the answers to faulty requests.

    Of an address the rulebook keeps what the work needs: the grid by which it is routed and the building whose
    group handles it (R-LAD-01, R-HOT-04). The door is not needed for either; with its building it names a household
    (R-PRIV-01: minimum, within duty), so building and room together must not be found, whether the address was
    given as such or stands in somebody's words. Names are planted as people give them: in their field, or announced
    (我叫…); what masking cannot know, docs/explanation/personal-data.md says.
    """
    secrets = {name: value for person in PEOPLE for name, value in person.secrets.items()}
    hits = found(secrets, run.left)
    assert hits == [], "\n".join(map(repr, hits))


def test_what_opens_a_case_is_kept_nowhere(run: Run) -> None:
    """R-HOT-08, R-PRIV-01: no signed link and no tracking code but in the notices that carry them."""
    keys: dict[str, str] = {}
    for channel, journey in run.journeys.items():
        tokens = {urlsplit(one.link).path.removeprefix("/c/") for one in journey.seen if "/c/" in one.link}
        assert len(tokens) == (2 if channel == "email" else 1)
        keys |= {f"{channel} link {number}": token for number, token in enumerate(tokens)}
        keys[f"{channel} code"] = journey.case.code
    assert found(keys, run.left) == []


def test_the_same_search_finds_them_where_they_may_be(run: Run) -> None:
    """R-PRIV-01: in the person's record, read with a purpose; so the search above is one that finds."""
    records = {channel: repr(journey.person).encode() for channel, journey in run.journeys.items()}
    for person in PEOPLE:
        hits = {name for name, *_ in found(person.secrets, {"record": records[person.channel]})}
        assert hits == set(person.secrets)
    assert {
        "table chassis.event_log",
        "table notify.delivery",
        "table intake.aggregate",
        "spans",
    } <= run.left.keys()
    assert {f"file logs/{service}.log" for service in PORT_OFFSETS} <= run.left.keys()
    for journey in run.journeys.values():
        named = {place for _, place, *_ in found({"case": journey.case.id}, run.left)}
        assert {"table chassis.event_log", "table notify.delivery", "spans"} <= named


def test_every_way_to_write_it_is_found() -> None:
    """R-PRIV-01: in any of its forms, wherever it stands in what surrounds it."""
    for secret in (FOLLOWER.name, FOLLOWER.phone, WRITER.reached_at):
        for how, form in forms(secret):
            assert [hit[0] for hit in found({"it": secret}, {"there": b"before " + form + b" behind"})] == [
                "it"
            ], how
