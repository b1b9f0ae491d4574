"""The parts of the WeChat protocol: signature, encryption, XML, coordinates, messages, settings."""

import base64

import pytest

from chassis.settings import SettingsError
from services.intake.channels import wechat
from services.intake.channels.wechat.coordinates import to_gcj02, to_wgs84
from services.intake.channels.wechat.crypto import Envelope, NotOurs
from services.intake.channels.wechat.messages import Said
from services.intake.channels.wechat.settings import WechatSettings
from services.intake.channels.wechat.signature import is_signed, sign
from services.intake.channels.wechat.xml import Malformed, read_xml, write_xml
from tests.wechat_kit import AES_KEY, APP_ID, ENV

HEAD = {"ToUserName": "gh_1", "FromUserName": "oFollower1", "CreateTime": "1772413200"}


def said(**elements: str) -> Said:
    return Said.of(HEAD | {"MsgId": "1"} | elements)


def test_the_signature_is_that_of_the_sorted_parts() -> None:
    """The expected value is the SHA-1 of `1409304348` `nonce` `token` put together in that order."""
    assert sign("token", "1409304348", "nonce") == "c21d07973d69a8327f8346d879d072ef58bd3a9a"
    assert is_signed(sign("b", "a"), "a", "b")
    assert not is_signed("", "a", "b")
    assert not is_signed("é", "a", "b")


def test_the_published_sample_is_understood() -> None:
    """The sample that the platform publishes with its own library: token, key, signature and ciphertext."""
    sealed = "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ=="
    signature = "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3"
    assert is_signed(signature, "QDG6eK", "1409659589", "263014780", sealed)
    envelope = Envelope("jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "wx5823bf96d3bd56c7")
    assert envelope.open(sealed) == b"1616140317555161061"


@pytest.mark.parametrize("text", ["", "灯坏了", "x" * 11, "x" * 12, "长" * 5000])
def test_what_is_encrypted_is_decrypted(text: str) -> None:
    envelope = Envelope(AES_KEY, APP_ID)
    sealed = envelope.seal(text)
    assert len(base64.b64decode(sealed)) % 32 == 0
    assert sealed != envelope.seal(text)
    assert envelope.open(sealed) == text.encode()


def test_a_message_of_another_account_or_key_is_not_ours() -> None:
    """R-PRIV-01: neither another account's message nor one that was changed on the way is read."""
    envelope = Envelope(AES_KEY, APP_ID)
    for foreign in (Envelope(AES_KEY, "wx0000000000000000"), Envelope(AES_KEY[::-1], APP_ID)):
        with pytest.raises(NotOurs):
            envelope.open(foreign.seal("灯坏了"))


def test_a_changed_ciphertext_is_refused_or_gives_no_longer_message() -> None:
    """Every byte changed in turn: the padding, the length and the AppID never let more out than was in."""
    envelope = Envelope(AES_KEY, APP_ID)
    whole = bytearray(base64.b64decode(envelope.seal("<xml>灯坏了</xml>")))
    for place in range(len(whole)):
        changed = whole.copy()
        changed[place] ^= 0xFF
        try:
            opened = envelope.open(base64.b64encode(changed).decode())
        except NotOurs:
            continue
        assert len(opened) <= len("<xml>灯坏了</xml>".encode())


@pytest.mark.parametrize("broken", ["", "%%%", "QUJD", "é", base64.b64encode(bytes(16)).decode()])
def test_nonsense_is_no_ciphertext(broken: str) -> None:
    with pytest.raises(NotOurs):
        Envelope(AES_KEY, APP_ID).open(broken)


def test_xml_is_read_flat_and_written_back() -> None:
    text = "a ]]> b <c> & 灯"
    assert read_xml(write_xml({"Content": text, "CreateTime": 5}).encode()) == {
        "Content": text,
        "CreateTime": "5",
    }
    nested = (
        b"<xml><A>1</A><SendPicsInfo><Count>1</Count><PicList><item>x</item></PicList></SendPicsInfo></xml>"
    )
    assert read_xml(nested) == {"A": "1", "SendPicsInfo": ""}


BOMB = b'<!DOCTYPE xml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><xml><Content>&b;</Content></xml>'
FETCHING = b'<!DOCTYPE xml [<!ENTITY f SYSTEM "file:///etc/passwd">]><xml><Content>&f;</Content></xml>'
FOREIGN = b'<!DOCTYPE xml SYSTEM "http://127.0.0.1:9/evil.dtd"><xml><Content>x</Content></xml>'


@pytest.mark.parametrize(
    "attack",
    [
        BOMB,
        FETCHING,
        FOREIGN,
        b"<xml><Content>&unknown;</Content></xml>",
        b"<xml>" + b"<a>" * 50_000,
        b"<xml>" + b"<a/>" * 10_000 + b"</xml>",
        b"<xml><Content>1</Content><Content>2</Content></xml>",
        b"<html/>",
        b"",
        b"\xff\xfe<\x00x\x00",
        '<?xml version="1.0" encoding="utf-7"?><xml><A>\xff</A></xml>'.encode("latin-1"),
    ],
)
def test_xml_that_attacks_is_refused(attack: bytes) -> None:
    """R-PRIV-01: no entity is expanded, nothing is fetched, and what is deep or long is not read to its end."""
    with pytest.raises(Malformed):
        read_xml(attack)


def test_coordinates_of_maps_are_turned_back() -> None:
    """Known pairs (WGS-84, GCJ-02) of the published formula; all over China the rest is below a centimetre."""
    assert to_gcj02(116.404, 39.915) == pytest.approx((116.41024449916938, 39.91640428150164), abs=1e-12)
    assert to_wgs84(116.41024449916938, 39.91640428150164) == pytest.approx((116.404, 39.915), abs=1e-7)
    for point in [(117.19, 34.28), (121.4737, 31.2304), (87.6168, 43.8256), (126.5358, 45.8023)]:
        assert to_wgs84(*to_gcj02(*point)) == pytest.approx(point, abs=1e-7)
    assert to_wgs84(2.2945, 48.8584) == (2.2945, 48.8584)


def test_each_kind_of_message_is_understood() -> None:
    assert said(MsgType="text", Content=" 灯坏了 ").words == "灯坏了"
    heard = said(MsgType="voice", MediaId="m", Recognition="灯坏了")
    assert (heard.kind, heard.words) == ("words", "灯坏了")
    assert said(MsgType="voice", MediaId="m").kind == "unreadable"
    assert said(MsgType="image", MediaId="m1", PicUrl="http://x").media == "m1"
    spot = said(
        MsgType="location", Location_X="39.91640428150164", Location_Y="116.41024449916938", Label="某街"
    )
    assert spot.point == pytest.approx((116.404, 39.915), abs=1e-7)
    assert spot.words == "某街"
    assert said(MsgType="video").kind == "unreadable"
    events = {"subscribe": "subscribed", "unsubscribe": "nothing", "LOCATION": "nothing", "VIEW": "nothing"}
    events |= {"TEMPLATESENDJOBFINISH": "nothing", "CLICK": "words"}
    assert {name: said(MsgType="event", Event=name, EventKey="进度").kind for name in events} == events


def test_an_event_is_known_by_its_follower_and_second() -> None:
    """Two kinds of event of one second, a subscription and a location, are two."""
    names = ("subscribe", "LOCATION", "subscribe")
    events = [Said.of(HEAD | {"MsgType": "event", "Event": name}) for name in names]
    assert len({event.message_id for event in events}) == 2
    assert said(MsgType="text").message_id == "1"


@pytest.mark.parametrize(
    "wrong",
    [
        {"FromUserName": ""},
        {"FromUserName": "o" * 100},
        {"FromUserName": "o<script>"},
        {"CreateTime": "soon"},
        {"MsgType": "location"},
        {"MsgType": "location", "Location_X": "nan", "Location_Y": "117"},
        {"MsgType": "location", "Location_X": "34", "Location_Y": "inf"},
        {"MsgType": "location", "Location_X": "91", "Location_Y": "117"},
    ],
)
def test_what_the_platform_never_sends_is_malformed(wrong: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        said(**wrong)


def test_the_channel_is_off_unless_its_variables_are_set() -> None:
    assert wechat.configured({}) is None
    assert wechat.configured({"CASELADDER_WECHAT_TOKEN": " "}) is None
    for_notices = {name: ENV[name] for name in ("CASELADDER_WECHAT_APP_ID", "CASELADDER_WECHAT_APP_SECRET")}
    assert wechat.configured(for_notices) is None
    assert wechat.configured(ENV) is not None


def test_settings_that_protect_nothing_are_refused() -> None:
    """R-PRIV-01: no default for a secret, no AppSecret without TLS, and no secret in an error."""
    with pytest.raises(SettingsError) as caught:
        WechatSettings.from_environment({"CASELADDER_WECHAT_TOKEN": TOKEN_WITH_A_DASH})
    named = [line.split(" is ")[0] for line in caught.value.lines]
    assert named == [f"CASELADDER_WECHAT_{name}" for name in ("TOKEN", "APP_ID", "APP_SECRET")]
    assert TOKEN_WITH_A_DASH not in str(caught.value)
    for name, wrong in (
        ("URL", "http://example.cn"),
        ("AES_KEY", "short"),
        ("AES_KEY", ""),
        ("MODE", "open"),
    ):
        with pytest.raises(SettingsError, match=f"CASELADDER_WECHAT_{name} is"):
            WechatSettings.from_environment(ENV | {f"CASELADDER_WECHAT_{name}": wrong})
    plain = {**ENV, "CASELADDER_WECHAT_MODE": "plain", "CASELADDER_WECHAT_AES_KEY": ""}
    assert WechatSettings.from_environment(plain) is not None


TOKEN_WITH_A_DASH = "planted-token"
