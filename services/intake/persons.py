"""Who reported: the personal record that is encrypted, and the blind indexes that find the same person again."""

import hmac
import re
import unicodedata
from typing import Final

import orjson
from pydantic import BaseModel, ConfigDict

from chassis.masking import names_in
from schemas.values import Reach

_SURE_NAME: Final = re.compile(r"[\u3400-\u9fff·]{2,}|\S+(?: \S+)+")
"""A name that is hardly a part of other words: not a surname alone."""
_DIGEST_BYTES: Final = 16
_NOT_DIGIT: Final = re.compile(r"[^0-9]")
_NOT_ALNUM: Final = re.compile(r"[\W_]+")
_TRUNK: Final = re.compile(r"^(?:(?:00)?86)?0(?=1[3-9]\d{9}$)|^(?:00)?86(?=1[3-9]\d{9}$|0\d{9,11}$)")


class PersonalRecord(BaseModel):
    """What only authorised people may read: the reporter, and the words of the case as given.

    `title`, `text` and `address` are set only where masking changed them.
    """

    model_config = ConfigDict(frozen=True)

    name: str | None = None
    phone: str | None = None
    id_number: str | None = None
    email: str | None = None
    wechat: str | None = None
    language: str | None = None
    media_url: str | None = None
    """Where a picture lies that came with the report; a reference, never fetched."""
    title: str | None = None
    text: str | None = None
    address: str | None = None
    supplement: str | None = None
    """The words of a supplement; it has a record of its own."""

    def dump(self) -> bytes:
        """Return the record as JSON, without what is empty."""
        return orjson.dumps({name: value for name, value in self.__dict__.items() if value is not None})


def names_to_hide(reporter: str | None, *words: str) -> frozenset[str]:
    """Return what may stand nowhere in the words about a case (R-PRIV-01): the reporter's name, with which people
    sign, where it is hardly a part of other words, and the names that `words` announce.
    """
    own = {reporter} if reporter and _SURE_NAME.fullmatch(reporter) else frozenset[str]()
    return names_in(*words) | own


class BlindIndex:
    """Keyed digests: equal for equal values, and telling nothing without the key (R-PET-18, R-PRIV-01)."""

    def __init__(self, key: bytes) -> None:
        self._mac = hmac.new(key, digestmod="sha256")

    def persons(self, phone: str | None, id_number: str | None, account: str | None) -> tuple[bytes, ...]:
        """Return a digest for each thing that identifies the reporter."""
        given = (
            (b"phone:", phone and normal_phone(phone)),
            (b"id:", id_number and normal_id(id_number)),
            (b"account:", account),
        )
        return tuple(self._digest(kind, value) for kind, value in given if value)

    def address(self, way: Reach, value: str) -> str:
        """Return a name for an address by which who opts out is known again; 32 hexadecimal digits."""
        plain = normal_phone(value) if way is Reach.PHONE else value.lower() if way is Reach.EMAIL else value
        return self._digest(f"address:{way}:".encode(), plain).hex()

    def _digest(self, kind: bytes, value: str) -> bytes:
        mac = self._mac.copy()  # half the work is the key's, done once
        mac.update(kind + value.encode())
        return mac.digest()[:_DIGEST_BYTES]


def normal_phone(phone: str) -> str:
    """Return the digits of a phone number without the country code: `+86 138-0013-8000` -> `13800138000`.

    Nor with the 0 that was dialled before a mobile number of another city; an area code keeps its own.
    """
    return _TRUNK.sub("", _NOT_DIGIT.sub("", unicodedata.normalize("NFKC", phone)))


def dialled(phone: str) -> str:
    """Return a phone number as a gateway takes it: digits, of one abroad after a `+`."""
    abroad = unicodedata.normalize("NFKC", phone).startswith("+")
    digits = _NOT_DIGIT.sub("", unicodedata.normalize("NFKC", phone))
    plain = normal_phone(phone)
    return f"+{plain}" if abroad and plain == digits else plain


def normal_id(number: str) -> str:
    """Return an id number in capitals without spaces."""
    return _NOT_ALNUM.sub("", unicodedata.normalize("NFKC", number)).upper()
