"""Reads digits and letters in disguise as plain ones, so that masking finds a number however it is written.

Disguised are: any digit or letter that Unicode calls another form of an ASCII one (①, 𝟏, keycaps, Ｑ), the letters
O for zero and l or I for one, and invisible characters put between (zero width, soft hyphen, variation selectors,
combining marks).
"""

import re
import unicodedata
from typing import Final

# All that ordinary Chinese text is made of. Searching for one character outside it takes a microsecond; only then
# the text is read character by character. Full-width digits are left in: the patterns know them.
_ORDINARY: Final = (
    r"\x00-HJ-NP-kmnp-\x7f\xa0\xa5\xb0\xb1\xb7\xd7\u2010-\u2022\u2026\u2103\u3000-\u3002\u3008-\u301f"
    r"\u2160-\u216b\u2264\u2265\u33a1\u4e00-\u9fff\uff01-\uff20\uff3b-\uff40\uff5b-\uff5e\uffe5"
)
_DISGUISED = re.compile(rf"[^{_ORDINARY}](?:(?<![OoIl])|(?<![A-Za-z].)|(?=\d))")
_ODD = re.compile(rf"[^{_ORDINARY}OoIl]")
_LETTERS_FOR_DIGITS = re.compile(r"(?<![A-Za-z])[OoIl]+(?![A-Za-z])")
_DIGITS_MEANT: Final = str.maketrans("OoIl", "0011")
_INVISIBLE: Final = ("Cf", "Mn", "Me")
"""Unicode categories: format characters, and marks that are drawn on the character before them."""


class _Plain(dict[str, str]):
    """The plain reading of a character, worked out once; "" for an invisible one."""

    def __missing__(self, character: str) -> str:
        self[character] = _plain(character)
        return self[character]


_PLAIN: Final = _Plain()


def _plain(character: str) -> str:
    if not _ODD.match(character):
        return character
    if unicodedata.category(character) in _INVISIBLE:
        return ""
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    usual = unicodedata.normalize("NFKC", character)
    return usual if len(usual) == 1 and usual.isalnum() else character


def is_disguised(text: str) -> bool:
    """Whether `text` holds a character that may have to be read as another one."""
    return _DISGUISED.search(text) is not None


def undisguised(text: str) -> str:
    """Return the plain reading of `text`."""
    plain = _ODD.sub(lambda found: _PLAIN[found[0]], text)
    return _LETTERS_FOR_DIGITS.sub(lambda found: found[0].translate(_DIGITS_MEANT), plain)


def written_for(text: str) -> list[str]:
    """Return what was written in `text` for each character of its plain reading; invisible ones go with that
    before them, those at the very beginning with the first.
    """
    written = [""]
    is_first = True
    for character in text:
        if is_first or not _PLAIN[character]:
            written[-1] += character
            is_first = is_first and not _PLAIN[character]
        else:
            written.append(character)
    return written
