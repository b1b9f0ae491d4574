"""The dialogue with a WeChat follower: what is asked, what is remembered, when a matter is taken in."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from services.intake.channels.wechat import words
from services.intake.channels.wechat.dialogue import (
    Action,
    Add,
    Reported,
    Say,
    Show,
    Submit,
    Talk,
    respond,
    run_out,
)
from services.intake.channels.wechat.messages import Said

MATTER: Final = "三单元楼道灯坏了半个月"
INSIDE: Final = (117.18, 34.29)


class Town:
    """Knows one compound, one danger and one point."""

    def is_danger(self, text: str) -> bool:
        return "持刀" in text

    def is_known(self, address: str) -> bool:
        return "秋岭公寓" in address

    def is_inside(self, longitude: float, latitude: float) -> bool:
        return (longitude, latitude) == INSIDE


class Chat:
    """A follower at it; keeps what is remembered."""

    def __init__(self) -> None:
        self.talk: Talk | None = None
        self.danger: str | None = None
        self._number = 0

    def hears(self, **content: object) -> Action:
        self._number += 1
        said = Said.model_validate(
            {"openid": "oFollower1", "account": "gh_1", "message_id": str(self._number), "kind": "words"}
            | content
        )
        self.talk, action = respond(self.talk, said, Town(), self.danger)
        return action

    def text(self, text: str) -> Action:
        return self.hears(words=text)


@pytest.fixture
def chat() -> Chat:
    return Chat()


def test_a_matter_and_its_place_are_collected(chat: Chat) -> None:
    """R-HOT-04: with a place the matter reaches a grid."""
    assert chat.text("您好") == Say(words.ASK_MATTER)
    assert chat.text(MATTER) == Say(words.ASK_PLACE)
    done = chat.text("秋岭公寓3幢")
    assert isinstance(done, Submit)
    assert (done.talk.words, done.talk.address, done.talk.first_id) == ((MATTER,), "秋岭公寓3幢", "1")
    assert chat.talk is None


def test_a_matter_that_names_its_place_is_taken_in_at_once(chat: Chat) -> None:
    done = chat.text("秋岭公寓门口路灯不亮")
    assert isinstance(done, Submit)
    assert done.talk.address == "秋岭公寓门口路灯不亮"


@pytest.mark.parametrize("first", ["matter", "place"])
def test_a_location_is_the_place_before_or_after_the_matter(chat: Chat, first: str) -> None:
    def place() -> Action:
        return chat.hears(kind="location", point=INSIDE, words="某路")

    if first == "matter":
        assert chat.text(MATTER) == Say(words.ASK_PLACE)
        done = place()
    else:
        assert place() == Say(words.ASK_MATTER)
        done = chat.text(MATTER)
    assert isinstance(done, Submit)
    assert (done.talk.point, done.talk.words) == (INSIDE, (MATTER,))


def test_a_location_outside_asks_for_an_address(chat: Chat) -> None:
    chat.text(MATTER)
    assert chat.hears(kind="location", point=(116.4, 39.9)) == Say(words.OUTSIDE)
    assert isinstance(chat.text("秋岭公寓"), Submit)


def test_an_unknown_address_is_asked_for_once_more_and_no_words_are_lost(chat: Chat) -> None:
    """R-HOT-01: after the second time the matter is taken in with all that was said."""
    chat.text(MATTER)
    assert chat.text("那个大院") == Say(words.ASK_PLACE_AGAIN)
    done = chat.text("老城墙边上")
    assert isinstance(done, Submit)
    assert done.talk.words == (MATTER, "那个大院", "老城墙边上")
    assert done.talk.address == "老城墙边上"


def test_who_knows_no_place_says_so(chat: Chat) -> None:
    chat.text(MATTER)
    done = chat.text("无")
    assert isinstance(done, Submit)
    assert (done.talk.words, done.talk.address, done.talk.point) == ((MATTER,), None, None)


def test_a_danger_is_taken_in_at_once_at_any_step(chat: Chat) -> None:
    """R-LAD-05: nobody in danger is asked for an address first."""
    assert isinstance(chat.text("有人持刀"), Submit)
    chat.text(MATTER)
    done = chat.text("有人持刀")
    assert isinstance(done, Submit)
    assert done.talk.words == (MATTER, "有人持刀")


def test_a_danger_keeps_the_place_that_its_words_name(chat: Chat) -> None:
    """R-LAD-05, R-HOT-04: it is not asked for a place, and loses none that it was told, before or with it."""
    done = chat.text("秋岭公寓3幢有人持刀")
    assert isinstance(done, Submit)
    assert done.talk.address == "秋岭公寓3幢有人持刀"
    assert chat.hears(kind="location", point=INSIDE, words="某路") == Say(words.ASK_MATTER)
    done = chat.text("秋岭公寓有人持刀")
    assert isinstance(done, Submit)
    assert (done.talk.point, done.talk.address) == (INSIDE, "某路")


def test_a_location_after_a_danger_belongs_to_it(chat: Chat) -> None:
    """R-LAD-05, R-HOT-04: also where the follower began another matter, or stands across the border."""
    chat.danger = "7K3M0QXR8T2B"
    spot = Add("位置：某路 经度117.180000，纬度34.290000", code=chat.danger)
    assert chat.hears(kind="location", point=INSIDE, words="某路") == spot
    assert chat.talk is None
    outside = Add("位置： 经度116.400000，纬度39.900000", code=chat.danger)
    assert chat.hears(kind="location", point=(116.4, 39.9)) == outside
    chat.text(MATTER)
    done = chat.hears(kind="location", point=INSIDE, words="某路")
    assert isinstance(done, Submit)
    assert (done.talk.words, done.talk.point, done.also) == ((MATTER,), INSIDE, spot)


def test_a_danger_is_remembered_for_a_while_beside_what_is_half_told() -> None:
    """R-LAD-05: what came after it is a matter of its own, begun by its own message."""
    now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    danger = Reported(code="7K3M0QXR8T2B", until=now + timedelta(hours=1))
    alone = Talk(openid="oFollower1", first_id="1", danger=danger)
    assert alone.at(now) == (None, danger.code)
    assert alone.at(danger.until) == (None, None)
    assert run_out(alone) is None
    more = alone.model_copy(update={"words": (MATTER,)})
    assert more.at(now) == (Talk(openid="oFollower1", first_id="1", words=(MATTER,)), danger.code)


def test_cancelling_forgets_what_was_told(chat: Chat) -> None:
    assert chat.text("取消") == Say(words.NOTHING_TO_CANCEL)
    chat.text(MATTER)
    assert chat.text("取消") == Say(words.CANCELLED)
    assert chat.talk is None


@pytest.mark.parametrize("code", ["7K3M0QXR8T2B", "7k3m-0qxr-8t2b", "7K3M 0QXR 8T2B"])
def test_a_code_alone_asks_for_the_status(chat: Chat, code: str) -> None:
    """R-PET-13."""
    assert chat.text(code) == Show(code)
    assert chat.text("进度") == Show()
    chat.text(MATTER)
    assert chat.text("进度") == Show()
    assert chat.talk is not None


def test_facts_are_added_to_the_latest_case(chat: Chat) -> None:
    assert chat.text("补充：又坏了一盏") == Add("又坏了一盏")
    assert chat.text("补充") == Say(words.ASK_FACTS)
    assert chat.text("又坏了一盏") == Add("又坏了一盏")
    assert chat.talk is None


def test_while_a_matter_is_told_more_belongs_to_it(chat: Chat) -> None:
    chat.text(MATTER)
    assert chat.text("补充 还有四单元") == Say(words.ASK_PLACE)
    done = chat.text("秋岭公寓")
    assert isinstance(done, Submit)
    assert done.talk.words == (MATTER, "还有四单元")


def test_pictures_go_with_the_matter_or_the_facts(chat: Chat) -> None:
    chat.hears(kind="picture", media="m1")
    chat.text(MATTER)
    chat.hears(kind="picture", media="m2")
    done = chat.text("秋岭公寓")
    assert isinstance(done, Submit)
    assert done.talk.pictures == ("m1", "m2")
    chat.text("补充")
    assert chat.hears(kind="picture", media="m3") == Add(words.GOT_PICTURE, ("m3",))


def test_what_cannot_be_read_changes_nothing(chat: Chat) -> None:
    chat.text(MATTER)
    before = chat.talk
    assert chat.hears(kind="unreadable") == Say(words.CANNOT_READ)
    assert chat.hears(kind="nothing") is None
    assert chat.hears(kind="subscribed") == Say(words.WELCOME)
    assert chat.text("帮助") == Say(words.HELP)
    assert chat.talk == before


def test_a_half_told_matter_is_taken_in_when_its_time_is_over(chat: Chat) -> None:
    """R-HOT-01: a matter without a place is one, a picture alone is none."""
    chat.hears(kind="picture", media="m1")
    assert chat.talk is not None
    assert run_out(chat.talk) is None
    chat.text(MATTER)
    assert chat.talk is not None
    assert run_out(chat.talk) == Submit(chat.talk)


def test_no_answer_is_longer_than_the_platform_takes() -> None:
    assert len(words.joined(["长" * 2000]).encode()) <= 2048
    fixed = [value for name, value in vars(words).items() if name.isupper() and isinstance(value, str)]
    assert len(fixed) > 15
    assert max(len(value.encode()) for value in fixed) <= 600
