"""Bytes of a mail to text, whatever charset they claim.

Chinese mail is often declared wrongly: GB18030 as its small ancestor GB2312, GBK as ISO-8859-1, UTF-8 as GBK. Real
UTF-8 is hardly ever anything else, and a charset in which every byte means something proves nothing.
"""

import codecs
from typing import Final

_GB: Final = "gb18030"
_AS: Final = {"gb2312": _GB, "gbk": _GB, "cp936": _GB, "hz": "hz"}
_PROVES_NOTHING: Final = frozenset({"ascii", "iso8859-1", "iso8859-15", "cp1252"})
_TEXTUAL: Final = (
    *("utf-8", "utf-16", "utf-32", "gb", "big5", "hz", "iso8859", "iso2022", "cp125", "koi8"),
    *("shift_jis", "euc_", "ascii"),
)
"""How the names of charsets begin that a mail may use; others (punycode, unicode_escape) are none of texts."""


def decoded(raw: bytes, declared: str | None) -> str:
    """Return the text; what cannot be read becomes U+FFFD."""
    charset = _known(declared)
    for candidate in _candidates(raw, charset):
        try:
            return raw.decode(candidate)
        except (UnicodeError, LookupError):
            continue
    return raw.decode(charset or "utf-8", "replace")


def _known(declared: str | None) -> str | None:
    try:
        name = codecs.lookup(declared or "").name
    except (LookupError, ValueError, TypeError):
        return None
    if not name.startswith(_TEXTUAL):
        return None
    return _AS.get(name, name)


def _candidates(raw: bytes, charset: str | None) -> tuple[str, ...]:
    if charset is not None and charset.startswith(("utf-16", "utf-32", "iso2022", "hz")):
        return (charset, "utf-8", _GB)
    if raw.isascii():
        return (charset or "utf-8",)
    if charset is None or charset in _PROVES_NOTHING:
        return ("utf-8", _GB, *((charset,) if charset else ()))
    if _is_chinese_utf8(raw):
        return ("utf-8",)
    return (charset, "utf-8", _GB)


def _is_chinese_utf8(raw: bytes) -> bool:
    try:
        text = raw.decode("utf-8")
    except UnicodeError:
        return False
    return any("\u3000" <= character <= "\u9fff" for character in text)
