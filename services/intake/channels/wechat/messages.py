"""What a follower of the account sent, as the dialogue needs it."""

import math
import re
from collections.abc import Mapping
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict

from services.intake.channels.wechat.coordinates import to_wgs84
from services.intake.channels.wechat.xml import Malformed

_OPENID: Final = re.compile(r"[A-Za-z0-9_-]{6,64}")
_NUMBER: Final = re.compile(r"[0-9]{1,19}")
_LONGEST: Final = 20_000

Kind = Literal["words", "location", "picture", "subscribed", "unreadable", "nothing"]


class Said(BaseModel):
    """One message or event. Frozen."""

    model_config = ConfigDict(frozen=True)

    openid: str
    """Who sent it, as this account knows them."""
    account: str
    """Our account, as the platform names it in its messages."""
    message_id: str
    """MsgId; of an event, which has none, the follower, the second and the kind of event."""
    kind: Kind
    words: str = ""
    """Of a text, of a voice message that the platform wrote down, of a menu entry; of a location its label."""
    point: tuple[float, float] | None = None
    """Longitude and latitude in WGS-84 degrees."""
    media: str | None = None
    """The platform's number of a picture, under which it can be fetched for three days."""

    @classmethod
    def of(cls, elements: Mapping[str, str]) -> Self:
        """Read a message of the protocol. Raises Malformed."""
        openid, created = elements.get("FromUserName", ""), elements.get("CreateTime", "")
        if not _OPENID.fullmatch(openid) or not _NUMBER.fullmatch(created):
            raise Malformed("the message does not say who sent it and when")
        kind = elements.get("MsgType", "")
        event = elements.get("Event", "") if kind == "event" else ""
        number = elements.get("MsgId", "") or f"{openid}:{created}:{event}"
        content = _CONTENTS.get(kind, _unreadable)(elements)
        return cls(openid=openid, account=elements.get("ToUserName", ""), message_id=number[:200], **content)


def _text(elements: Mapping[str, str]) -> dict[str, object]:
    return {"kind": "words", "words": elements.get("Content", "").strip()[:_LONGEST]}


def _voice(elements: Mapping[str, str]) -> dict[str, object]:
    heard = elements.get("Recognition", "").strip()[:_LONGEST]
    return {"kind": "words" if heard else "unreadable", "words": heard}


def _image(elements: Mapping[str, str]) -> dict[str, object]:
    return {"kind": "picture", "media": elements.get("MediaId", "")[:200] or None}


def _location(elements: Mapping[str, str]) -> dict[str, object]:
    try:
        longitude, latitude = float(elements.get("Location_Y", "")), float(elements.get("Location_X", ""))
    except ValueError:
        raise Malformed("the location has no coordinates") from None
    if not (math.isfinite(longitude) and abs(longitude) <= 180 and abs(latitude) <= 90):
        raise Malformed("the location lies nowhere")
    label = elements.get("Label", "").strip()[:500]
    return {"kind": "location", "point": to_wgs84(longitude, latitude), "words": label}


def _event(elements: Mapping[str, str]) -> dict[str, object]:
    """The follower's LOCATION, an unsubscription and the receipt of a template message ask for nothing."""
    match elements.get("Event", "").upper():
        case "SUBSCRIBE":
            return {"kind": "subscribed"}
        case "CLICK":
            return {"kind": "words", "words": elements.get("EventKey", "").strip()[:_LONGEST]}
        case _:
            return {"kind": "nothing"}


def _unreadable(_elements: Mapping[str, str]) -> dict[str, object]:
    return {"kind": "unreadable"}


_CONTENTS: Final = {"text": _text, "voice": _voice, "image": _image, "location": _location, "event": _event}
