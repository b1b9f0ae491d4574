"""The client of the WeChat platform's API, against a local platform: its token, and what becomes of errors."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from services.intake.channels.wechat.api import Unfetched, Unsent, WechatApi
from services.intake.channels.wechat.settings import WechatSettings
from tests.wechat_kit import ENV, Platform, platform


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def spoken_to() -> Iterator[Platform]:
    with platform() as api:
        yield api


@pytest.fixture
def clock() -> Clock:
    return Clock()


def client(url: str, clock: Clock, **changes: str) -> WechatApi:
    settings = WechatSettings.from_environment(ENV | {"CASELADDER_WECHAT_URL": url} | changes)
    assert settings is not None
    return WechatApi(settings, clock)


@pytest.fixture
async def api(spoken_to: Platform, clock: Clock) -> AsyncIterator[WechatApi]:
    made = client(spoken_to.url, clock)
    yield made
    await made.close()


async def test_a_token_is_fetched_once_and_again_before_it_ends(
    api: WechatApi, spoken_to: Platform, clock: Clock
) -> None:
    await api.say("oFollower1", "您好")
    await api.say("oFollower1", "您好")
    assert spoken_to.tokens == [False]
    clock.at += timedelta(seconds=7200)
    await api.say("oFollower1", "您好")
    assert spoken_to.tokens == [False, False]
    assert [sent["text"]["content"] for sent in spoken_to.sent] == ["您好"] * 3


@pytest.mark.parametrize("code", [40001, 40014, 42001])
async def test_a_refused_token_is_renewed_once(api: WechatApi, spoken_to: Platform, code: int) -> None:
    """Forced only where the platform gives the refused one out again: that may be done 20 times a day."""
    spoken_to.keeps_token = False
    spoken_to.codes.extend([code, 0])
    await api.say("oFollower1", "您好")
    assert spoken_to.tokens == [False, False]
    spoken_to.codes.extend([code, code])
    with pytest.raises(Unsent) as caught:
        await api.say("oFollower1", "您好")
    assert (caught.value.code, caught.value.hopeless) == (code, False)


@pytest.mark.parametrize(
    ("code", "hopeless"), [(45015, True), (43004, True), (45047, True), (-1, False), (45009, False)]
)
async def test_what_cannot_be_brought_is_told_from_what_may_be_tried_again(
    api: WechatApi, spoken_to: Platform, code: int, hopeless: bool
) -> None:
    spoken_to.codes.append(code)
    with pytest.raises(Unsent) as caught:
        await api.say("oFollower1", "您好")
    assert (caught.value.code, caught.value.hopeless) == (code, hopeless)


async def test_a_picture_is_fetched_within_its_limit(api: WechatApi, spoken_to: Platform) -> None:
    """What is too large or unknown to the platform is never asked for again."""
    spoken_to.media = {"m1": ("image/jpeg", b"x" * 200), "odd": ("text/html", b"<p>")}
    assert await api.media("m1", 200) == b"x" * 200
    for media_id, most, code, hopeless in (
        ("m1", 199, "too large", True),
        ("gone", 200, 40007, True),
        ("odd", 200, "neither a picture nor JSON", False),
    ):
        with pytest.raises(Unfetched) as caught:
            await api.media(media_id, most)
        assert (caught.value.code, caught.value.hopeless) == (code, hopeless)


async def test_a_picture_is_asked_for_with_a_fresh_token_once(api: WechatApi, spoken_to: Platform) -> None:
    spoken_to.codes.extend([42001, -1])
    with pytest.raises(Unfetched) as caught:
        await api.media("m1", 200)
    assert (caught.value.code, caught.value.hopeless, len(spoken_to.tokens)) == (-1, False, 3)


async def test_an_error_shows_neither_secret_nor_token(spoken_to: Platform, clock: Clock) -> None:
    """R-PRIV-01: what is raised may be logged."""
    wrong = client(spoken_to.url, clock, CASELADDER_WECHAT_APP_SECRET="planted-wrong-secret")
    away = client("http://127.0.0.1:9", clock)
    for api in (wrong, away):
        with pytest.raises(Unsent) as caught:
            await api.say("oFollower1", "您好")
        assert not caught.value.hopeless
        with pytest.raises(Unsent) as unfetched:
            await api.media("m1", 200)
        assert not any(hidden in str(unfetched.value) for hidden in ("planted", "token-", "127.0"))
        assert not any(hidden in str(caught.value) for hidden in ("planted", "token-", "oFollower1", "127.0"))
        await api.close()
