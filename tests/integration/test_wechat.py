"""The WeChat channel on a real PostgreSQL: from a follower's message to a case, and back to the follower."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chassis.http import Role
from chassis.settings import Settings
from services.intake.channels import reception
from services.intake.channels.wechat import Wechat, routes, words
from services.intake.channels.wechat.clerk import Clerk
from services.intake.channels.wechat.coordinates import to_gcj02
from services.intake.channels.wechat.crypto import Envelope
from services.intake.channels.wechat.routes import PATH
from services.intake.channels.wechat.settings import WechatSettings
from services.intake.channels.wechat.signature import sign
from services.intake.channels.wechat.storage import Book
from services.intake.channels.wechat.xml import write_xml
from tests.intake_kit import Intake, make_settings, running
from tests.picture_kit import GPS, jpeg, png
from tests.wechat_kit import AES_KEY, APP_ID, ENV, TOKEN, Follower, Platform, platform

MATTER = "三单元楼道灯坏了半个月"
INSIDE = (117.18, 34.29)


def channel(**changes: str) -> Wechat:
    settings = WechatSettings.from_environment(ENV | changes)
    assert settings is not None
    return Wechat(settings)


@pytest.fixture
def settings(intake_url: str, tmp_path: Path) -> Settings:
    return make_settings(tmp_path, intake_url)


@pytest.fixture
async def intake(intake_url: str, tmp_path: Path, settings: Settings) -> AsyncIterator[Intake]:
    async with running(intake_url, tmp_path, [channel()], settings) as service:
        yield service


@pytest.fixture
def follower(intake: Intake) -> Follower:
    return Follower(intake.client)


@pytest.fixture
def spoken_to() -> Iterator[Platform]:
    with platform() as api:
        yield api


async def only_case(intake: Intake) -> dict[str, Any]:
    """Return the submission of the one case there is, with its id."""
    (case_id,) = [row[0] for row in await intake.pool.fetch("SELECT case_id FROM intake.case_file")]
    (event,) = await intake.events(str(case_id), "CaseSubmitted")
    return event | {"case_id": str(case_id)}


async def test_a_matter_becomes_a_case_by_a_short_dialogue(intake: Intake, follower: Follower) -> None:
    """R-HOT-04, R-PET-13, R-PRIV-01: matter and place are asked for, the code tells how it goes, and the openid is
    kept for later notices where only the hotline reads it."""
    assert await follower.sends(MsgType="event", Event="subscribe") == words.WELCOME
    assert await follower.says(MATTER) == words.ASK_PLACE
    told = await follower.says("秋岭公寓3幢")
    case = await only_case(intake)
    assert (case["channel"], case["text"], case["place"]["grid"]) == ("wechat", MATTER, "GL010101")
    code = told.partition("查询码：")[2].partition("。")[0]
    for asking in (code, "进度"):
        assert (await follower.says(asking)).startswith(f"{code}：")
    assert await follower.says("补充：四单元也坏了") == words.ADDED
    (added,) = await intake.events(case["case_id"], "CaseSupplemented")
    assert added["text"] == "四单元也坏了"
    person = await intake.client.get(
        f"/v1/cases/{case['case_id']}/person", params={"purpose": "回访"}, headers=intake.operator
    )
    assert person.json()["wechat"] == follower.openid


async def test_a_location_is_turned_into_ours_and_finds_its_grid(intake: Intake, follower: Follower) -> None:
    """R-HOT-04: what a map calls a point lies half a kilometre elsewhere for us."""
    longitude, latitude = to_gcj02(*INSIDE)
    await follower.sends(MsgType="image", MediaId="media-1", PicUrl="http://127.0.0.1/1")
    await follower.sends(MsgType="voice", MediaId="media-2", Recognition=MATTER)
    far = await follower.sends(MsgType="location", Location_X="39.9", Location_Y="116.4", Label="北京")
    assert far == words.OUTSIDE
    await follower.sends(
        MsgType="location", Location_X=repr(latitude), Location_Y=repr(longitude), Label="某路"
    )
    case = await only_case(intake)
    assert case["text"] == MATTER
    place = case["place"]
    assert (place["grid"], place["source"]) == ("GL040603", "coordinates")
    assert (place["longitude"], place["latitude"]) == pytest.approx(INSIDE, abs=1e-7)


async def test_a_danger_is_answered_at_once_with_the_line_to_call(intake: Intake, follower: Follower) -> None:
    """R-LAD-05: before any place is known, in the passive answer, and the case is transferred."""
    told = await follower.says("我家着火了，快来人")
    assert "立即拨打消防119" in told.splitlines()[0]
    assert (await only_case(intake))["emergency"]["line"] == "119"


async def test_pictures_are_fetched_and_lie_with_their_case(
    intake_url: str, tmp_path: Path, spoken_to: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-PRIV-01, R-HOT-01: those of the matter and those added later, without what the phone noted; of one that
    cannot be had the case says so, in its words."""
    monkeypatch.setattr("services.intake.channels.wechat.asking.LOOK_EVERY_S", 0.02)
    spoken_to.media = {
        "photo": ("image/jpeg", jpeg()),
        "later": ("image/png", png()),
        "virus": ("image/jpeg", b"MZ"),
    }
    spoken_to.codes.extend([40001, 40007])  # of the lost one: the token, then that there is none
    async with running(intake_url, tmp_path, [channel(CASELADDER_WECHAT_URL=spoken_to.url)]) as intake:
        follower = Follower(intake.client)
        for media in ("photo", "lost", "virus"):
            await follower.sends(MsgType="image", MediaId=media, PicUrl="http://127.0.0.1/1")
        await follower.says("秋岭公寓3幢楼道灯坏了")
        case = await only_case(intake)
        assert case.get("attachments", []) == []
        await follower.says("补充")
        await follower.sends(MsgType="image", MediaId="later", PicUrl="http://127.0.0.1/1")
        async with asyncio.timeout(20):
            while await intake.count("wechat_picture"):
                await asyncio.sleep(0.01)  # polled: another connection's commit gives no signal
        path = f"/v1/cases/{case['case_id']}/attachments"
        listed = (await intake.client.get(path, headers=intake.operator)).json()["attachments"]
        kinds = {file["media_type"]: file["attachment_id"] for file in listed}
        photo = await intake.client.get(f"{path}/{kinds['image/jpeg']}", headers=intake.operator)
        told = [facts["text"] for facts in await intake.events(case["case_id"], "CaseSupplemented")]
    assert sorted(kinds) == ["image/jpeg", "image/png"]
    assert photo.content.startswith(b"\xff\xd8")
    assert GPS not in photo.content
    assert {words.LOST_PICTURE.format(media) for media in ("lost", "virus")} < set(told)
    assert len(told) == 5


async def test_a_danger_keeps_its_place_and_gets_the_location_sent_next(
    intake: Intake, follower: Follower
) -> None:
    """R-LAD-05, R-HOT-04: the building in its words is its place; a location that follows is added to its case."""
    told = await follower.says("秋岭公寓3幢502室煤气泄漏，味道很大，救命")
    assert "还不能确定具体位置" not in told
    case = await only_case(intake)
    assert (case["emergency"]["line"], case["place"]["grid"]) == ("119", "GL010101")
    longitude, latitude = to_gcj02(*INSIDE)
    place = {"Location_X": repr(latitude), "Location_Y": repr(longitude), "Label": "某路"}
    assert await follower.sends(MsgType="location", **place) == words.PLACED
    assert await follower.says(MATTER) == words.ASK_PLACE
    await follower.sends(MsgType="location", **place)
    spots = [facts["text"] for facts in await intake.events(case["case_id"], "CaseSupplemented")]
    assert spots == ["位置：某路 经度117.180000，纬度34.290000"] * 2
    assert await intake.count("case_file") == 2


async def test_a_danger_is_answered_while_the_work_stands_still(
    intake: Intake, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-LAD-05: neither a stalled worker nor a lost database keeps the line from whoever needs it."""
    monkeypatch.setattr(routes, "DANGER_PATIENCE_S", 0.01)

    async def stands(*_: object) -> None:
        await asyncio.Event().wait()

    async def lost(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(Book, "claim", lost)
    assert "立即拨打消防119" in await follower.says("我家着火了，快来人")
    monkeypatch.setattr(Book, "keep", lost)
    told = await follower.says("我家着火了，快来人")
    assert "立即拨打消防119" in told
    assert "没能登记" in told
    refused = await follower.posts(follower.body({"MsgType": "text", "Content": MATTER, "MsgId": 5}))
    assert refused.status_code == 503  # the platform sends it again


async def test_a_message_that_comes_again_is_one(intake: Intake, follower: Follower) -> None:
    """R-HOT-02: the platform repeats what it heard no answer to, also at the same time; the answer is the same."""
    danger = follower.body({"MsgType": "text", "Content": "我家着火了，快来人", "MsgId": 9})
    answers = await asyncio.gather(*(follower.posts(danger) for _ in range(3)))
    answers.append(await follower.posts(danger))
    told = {follower.words(answer) for answer in answers}
    assert len(told) == 1
    event = follower.body({"MsgType": "event", "Event": "subscribe"})
    assert follower.words(await follower.posts(event)) == follower.words(await follower.posts(event))
    assert await intake.count("case_file") == 1
    assert await intake.count("wechat_message") == 2


async def test_a_dialogue_and_what_was_heard_outlive_a_restart(
    intake_url: str, tmp_path: Path, settings: Settings
) -> None:
    """R-HOT-01: what was said before a crash is not asked again, and a message that was only written down is worked
    on by the next process; the same message then is still the same."""
    async with running(intake_url, tmp_path, [channel()], settings) as first:
        follower = Follower(first.client)
        assert await follower.says(MATTER) == words.ASK_PLACE
    place = follower.body({"MsgType": "text", "Content": "秋岭公寓", "MsgId": 11})
    with pytest.MonkeyPatch.context() as crashed:
        crashed.setattr(routes, "PATIENCE_S", 0.01)
        crashed.setattr(Clerk, "step", _nothing_to_do)
        async with running(intake_url, tmp_path, [channel()], settings) as second:
            follower.client = second.client
            assert follower.words(await follower.posts(place)) == ""
            assert await second.count("case_file") == 0
    async with running(intake_url, tmp_path, [channel()], settings) as third:
        follower.client = third.client
        assert "查询码" in follower.words(await follower.posts(place))
        assert (await only_case(third))["text"] == MATTER


async def _nothing_to_do(_: object) -> bool:
    return False


async def test_a_crash_after_the_commit_makes_no_second_case(intake: Intake, follower: Follower) -> None:
    """R-HOT-02: the case is committed, its message not yet settled: the next try finds the same case."""
    lost = Book.settle
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(routes, "DANGER_PATIENCE_S", 0.01)
        died = asyncio.Event()

        async def dies(*_: object) -> bool:
            died.set()
            return False

        patched.setattr(Book, "settle", dies)
        await follower.says("我家着火了，快来人", MsgId=21)
        await asyncio.wait_for(died.wait(), 10)
    assert Book.settle is lost
    await intake.pool.execute("UPDATE intake.wechat_message SET due_at = received_at")  # the claim runs out
    assert "查询码" in await follower.says("我家着火了，快来人", MsgId=21)
    assert await intake.count("case_file") == 1


async def test_a_half_told_matter_is_taken_in_after_its_time(
    intake_url: str, tmp_path: Path, spoken_to: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-HOT-01: the resident who sent no place loses no words, and is told the code by customer service."""
    monkeypatch.setattr("services.intake.channels.wechat.asking.LOOK_EVERY_S", 0.02)
    adapter = channel(CASELADDER_WECHAT_URL=spoken_to.url)
    async with running(intake_url, tmp_path, [adapter]) as intake:
        follower = Follower(intake.client)
        assert await follower.says(MATTER) == words.ASK_PLACE
        await intake.pool.execute("UPDATE intake.wechat_talk SET ends_at = now()")
        await Follower(intake.client, "oSomebodyElse").says("帮助")  # wakes the worker
        assert await asyncio.to_thread(spoken_to.arrived.acquire, timeout=20)
        assert (await only_case(intake))["place"]["source"] == "unknown"
        assert await intake.count("wechat_talk") == 0
    (sent,) = spoken_to.sent
    assert (sent["touser"], sent["msgtype"]) == (follower.openid, "text")
    assert "按已有内容登记，查询码" in sent["text"]["content"]


async def test_an_answer_that_took_too_long_follows_by_customer_service(
    intake_url: str, tmp_path: Path, spoken_to: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-HOT-01: the platform hears `success` in time; a token that it no longer takes is renewed once."""
    monkeypatch.setattr(routes, "PATIENCE_S", 0.0)
    monkeypatch.setattr("services.intake.channels.wechat.storage.PASSIVE", timedelta(0))
    monkeypatch.setattr("services.intake.channels.wechat.asking.LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(Book, "take", _not_yet)
    spoken_to.codes.extend([40001, 0])
    async with running(intake_url, tmp_path, [channel(CASELADDER_WECHAT_URL=spoken_to.url)]) as intake:
        follower = Follower(intake.client)
        assert await follower.says(MATTER) == ""
        assert await asyncio.to_thread(spoken_to.arrived.acquire, timeout=20)
    (sent,) = spoken_to.sent
    assert (sent["text"]["content"], sent["token"]) == (words.ASK_PLACE, "token-1")
    assert spoken_to.tokens == [False, False, True]


async def _not_yet(*_: object) -> None:
    return None


async def test_only_the_platform_is_answered(intake: Intake, follower: Follower) -> None:
    """R-PRIV-01: wrong signatures, old timestamps, plain bodies in safe mode, another account's messages, changed
    ciphertexts and attacks by XML leave nothing behind, and do not say which check they failed."""
    inner = follower.body({"MsgType": "text", "Content": MATTER, "MsgId": 1})
    now = datetime.now(UTC)
    answers = [
        await follower.posts(inner, signature="0" * 40),
        await follower.posts(inner, signature="签"),
        await follower.posts(inner, msg_signature="0" * 40),
        await follower.posts(inner, timestamp="1772413200"),
        await follower.posts(inner, at=now - timedelta(minutes=6)),
        await follower.posts(inner, at=now + timedelta(minutes=6)),
        await Follower(intake.client, plain=True).posts(inner),
        await follower.posts('<!DOCTYPE xml [<!ENTITY a "aa">]><xml><Content>&a;</Content></xml>'),
        await _sealed(follower, Envelope(AES_KEY, "wx0000000000000000").seal(inner)),
        await _sealed(follower, Envelope(AES_KEY, APP_ID).seal(inner)[:-8] + "AAAAAAA="),
        await _sealed(follower, "not base64"),
        await intake.client.post(PATH, content=b"<xml/>"),
        await intake.client.get(
            PATH, params={"signature": "x", "timestamp": "1", "nonce": "2", "echostr": "3"}
        ),
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.content for answer in answers}) == 1
    assert await intake.count("wechat_message") == 0
    huge = await intake.client.post(PATH, content=b"<xml>" + b"a" * routes.MAX_BODY_BYTES)
    assert huge.status_code == 413
    timestamp = str(int(now.timestamp()))
    query = {"signature": sign(TOKEN, timestamp, "n"), "timestamp": timestamp, "nonce": "n"}
    right = await intake.client.get(PATH, params=query | {"echostr": "<b>123</b>"})
    assert (right.status_code, right.text) == (200, "<b>123</b>")
    assert right.headers["content-type"].startswith("text/plain")


async def _sealed(follower: Follower, sealed: str) -> Any:
    """Post a ciphertext that is properly signed all the same."""
    timestamp = str(int(datetime.now(UTC).timestamp()))
    signature = sign(TOKEN, timestamp, "n0nce", sealed)
    return await follower.client.post(
        PATH,
        params={
            "signature": sign(TOKEN, timestamp, "n0nce"),
            "timestamp": timestamp,
            "nonce": "n0nce",
            "msg_signature": signature,
        },
        content=write_xml({"Encrypt": sealed}).encode(),
    )


@pytest.mark.parametrize("mode", ["plain", "compatible"])
async def test_the_other_modes_are_spoken_too(intake_url: str, tmp_path: Path, mode: str) -> None:
    """Plain: no key at all. Compatible: both forms come in one body, and the signed one counts."""
    adapter = channel(
        CASELADDER_WECHAT_MODE=mode, CASELADDER_WECHAT_AES_KEY="" if mode == "plain" else AES_KEY
    )
    async with running(intake_url, tmp_path, [adapter]) as intake:
        follower = Follower(intake.client, plain=mode == "plain")
        if mode == "plain":
            assert await follower.says(MATTER) == words.ASK_PLACE
            return
        inner = follower.body({"MsgType": "text", "Content": MATTER, "MsgId": 1})
        both = {"MsgType": "text", "Content": "forged", "FromUserName": "oSomebodyElse"}
        sealed = Envelope(AES_KEY, APP_ID).seal(inner)
        timestamp = str(int(datetime.now(UTC).timestamp()))
        signed = {"signature": sign(TOKEN, timestamp, "n"), "timestamp": timestamp, "nonce": "n"}
        signed["msg_signature"] = sign(TOKEN, timestamp, "n", sealed)
        answer = await intake.client.post(
            PATH, params=signed, content=write_xml(both | {"Encrypt": sealed}).encode()
        )
        assert follower.words(answer) == words.ASK_PLACE


async def test_nothing_of_a_follower_stands_readable_in_the_tables(
    intake: Intake, follower: Follower
) -> None:
    """R-PRIV-01: neither openid nor words, in whatever state the dialogue is; and who guesses codes is stopped."""
    told = [await follower.says(f"7K3M0QXR8T{number:02}") for number in range(22)]
    assert (told[0], told[-1]) == (words.NO_SUCH_CODE, words.TOO_MANY_CODES)
    assert await follower.says("进度") == words.NO_CASE
    assert await follower.says("补充：又坏了") == words.NO_CASE
    await follower.says(f"{MATTER}，电话13800138000")
    await follower.says("那个大院")
    for table in ("wechat_message", "wechat_talk"):
        rows = await intake.pool.fetch(f"SELECT t::text, encode(ciphertext, 'escape') FROM intake.{table} t")
        assert rows
        kept = "".join(row[0] + row[1] for row in rows)
        for planted in (follower.openid, follower.openid.encode().hex(), "13800138000", "楼道"):
            assert planted not in kept


async def test_a_defect_of_ours_is_told_and_stops_nobody_else(
    intake: Intake, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-HOT-01: a message that cannot be worked on is tried again, then its sender told; the next is served."""
    monkeypatch.setattr("services.intake.channels.wechat.clerk.MOST_TRIES", 1)

    async def fails(*_: object) -> None:
        raise RuntimeError("planted")

    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(reception.Reception, "take_in", fails)
        assert await follower.says(f"秋岭公寓{MATTER}") == words.FAILED
    assert "查询码" in await follower.says(f"秋岭公寓{MATTER}")
    ready = await intake.client.get("/readyz", headers=intake.as_role(Role.OPS))
    assert ready.json()["degraded"] == []
