"""Masking of personal numbers in free text, before the text enters an event (R-PRIV-01, R-HOT-14).

Each number is replaced whole by a fixed word, so that nothing of it is left. Masked are phone numbers
(mobile, also spelled in Chinese numerals; landline with area code; 400/800; bare local numbers that are announced
as such), resident identity numbers of 18 and 15 digits, bank cards, e-mail addresses, and announced WeChat and
QQ accounts. Licence plates stay: traffic and parking matters cannot be handled without them. In doubt a number
is masked. Every pattern is bounded or possessive, hence the time is linear in the length of the text.
"""

import re
from collections.abc import Callable
from typing import Final

PHONE: Final = "〔电话〕"
IDENTITY: Final = "〔证件号〕"
CARD: Final = "〔银行卡〕"
EMAIL: Final = "〔邮箱〕"
ACCOUNT: Final = "〔账号〕"

_S = r"[ \t\u3000\xa0\u200b\-\u2010-\u2015－_.·．]"  # what people put between the digits of one number
_N = r"[\d〇○零一二三四五六七八九幺]"
_WORD = "A-Za-z0-9Ａ-Ｚａ-ｚ０-９"

# Most texts hold none of these and are done: seven digits, an @, an account word. Each pattern begins with one
# set of characters: that is what the search skips the others by, several times as fast as by alternatives.
_DIGITS = re.compile(rf"\d(?:{_S}{{0,2}}\d){{6}}")
_NUMERALS = re.compile(rf"[一幺]{_S}?[三四五六七八九](?:{_S}?{_N}){{9}}")
_ACCOUNT_WORD = re.compile(
    r"[微薇威QqVvWw扣](?:(?<=[微薇威])信|(?<=[Qq])[Qq]|(?<=扣)扣|(?<=[VvWw])[Xx]|(?<=[Ww])[Ee][Cc][Hh])"
)
_EMAIL = re.compile(
    rf"(?<![{_WORD}._%+-])[._%+-]*+[{_WORD}][{_WORD}._%+-]*+[@＠][{_WORD}-]++(?:[.．][{_WORD}-]++)*+"
)
_ACCOUNT = re.compile(
    r"((?:微信|[薇威]信|(?<![a-z])(?:QQ|[vw]x|wechat)|扣扣)(?:号码?|群号?|账号|帐号|id)?[\s:：是为]{0,4})"
    r"(?:\d{5}[a-z0-9_-]*+|[a-z][a-z0-9_-]{5,}+)",
    re.IGNORECASE,
)
_IDENTITY_18 = re.compile(rf"\d(?<!\d\d)(?:{_S}?\d){{16}}{_S}?[\dXxＸｘ×](?!\d)")
_IDENTITY_15 = re.compile(r"\d(?<!\d\d)\d{14}(?!\d)")
_CARD = re.compile(rf"\d(?<!\d\d)\d{{3}}(?:\d{{12,15}}|(?:{_S}\d{{4}}){{3}}(?:{_S}\d{{1,3}})?)(?!\d)")
_CARD_WORDS = re.compile(r"卡号|[账帐]号|银行|存折|账户|帐户|汇款|打款")
# A number starts where no digit stands before it, except a country or trunk prefix. Looking behind only after
# the first digit lets the search skip other characters fast.
_MOBILE = re.compile(
    r"[1１](?:(?<!\d[1１])|(?<=(?<!\d)[0０][1１])|(?<=(?<!\d)[8８][6６][1１])|(?<=(?<!\d)[0０]{2}[8８][6６][1１]))"
    rf"{_S}{{0,2}}[3-9３-９](?:{_S}{{0,2}}\d){{9}}(?!\d)"
)
_SPELLED = re.compile(
    rf"[一幺]{_S}?[三四五六七八九3-9３-９](?:{_S}?{_N}){{9}}{_N}*+"
    rf"|[1１](?<!\d[1１]){_S}?[三四五六七八九](?:{_S}?{_N}){{9}}(?!{_N})"
)
_LANDLINE = re.compile(
    rf"[0０](?<!\d[0０])(?:[1１][0０]|[2２]\d|[3-9３-９]\d{{2}})[)）]?{_S}{{0,2}}"
    rf"[2-9２-９]\d{{2,3}}{_S}?\d{{4}}(?:转\d{{1,6}}|[-－]\d{{1,6}})?(?!\d)"
)
_SERVICE = re.compile(rf"[48４８](?<!\d[48４８])[0０]{{2}}(?:{_S}?\d){{7}}(?!\d|万|亿|元|平)")
_ANNOUNCED = re.compile(
    rf"((?:电话|座机|手机|联系方式|号码|致电|拨打|[Tt][Ee][Ll])(?<!〔电话)[^\d〔〕\n]{{0,6}})"
    rf"(\d{{3,4}}{_S}?\d{{4}}|\d{{9,12}})(?!\d|年|元|万)"
)

_REGIONS: Final = frozenset(
    str(place)
    for first, last in (
        (11, 15),
        (21, 23),
        (31, 37),
        (41, 46),
        (50, 54),
        (61, 65),
        (71, 71),
        (81, 83),
        (91, 91),
    )
    for place in range(first, last + 1)
)
_CHECK_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def mask(text: str, *, keep_lines: bool = False) -> str:
    """Return `text` with personal numbers and accounts replaced (R-PRIV-01). Masking twice changes nothing more.

    `keep_lines` leaves landlines and 400 numbers: for what an office says, which may be where to call it.
    """
    if _ACCOUNT_WORD.search(text):
        text = _ACCOUNT.sub(rf"\1{ACCOUNT}", text)
    if "@" in text or "＠" in text:
        text = _EMAIL.sub(EMAIL, text)
    if _DIGITS.search(text) or _NUMERALS.search(text):
        return _mask_numbers(text, keep_lines=keep_lines)
    return text


def _mask_numbers(text: str, *, keep_lines: bool) -> str:
    text = _IDENTITY_18.sub(_when(_is_identity, IDENTITY), text)
    text = _IDENTITY_15.sub(_when(_is_old_identity, IDENTITY), text)
    text = _CARD.sub(_when(_is_card, CARD), text)
    text = _MOBILE.sub(_when(_is_mobile, PHONE), text)
    if not keep_lines:
        text = _LANDLINE.sub(PHONE, text)
        text = _SERVICE.sub(PHONE, text)
        text = _ANNOUNCED.sub(_announced, text)
    return _SPELLED.sub(PHONE, text)


def _when(holds: Callable[[re.Match[str]], bool], token: str) -> Callable[[re.Match[str]], str]:
    return lambda found: token if holds(found) else found[0]


def _digits(text: str) -> str:
    """Return only the digits of `text`, in ASCII; a final X counts as one."""
    return "".join(str(int(c)) if c.isdecimal() else "X" for c in text if c.isdecimal() or c in "XxＸｘ×")


def _is_identity(found: re.Match[str]) -> bool:
    """A plausible region and birth date, or, written in one piece, a right check digit (GB 11643)."""
    number = _digits(found[0])
    if number[:2] not in _REGIONS:
        return False
    if number[6:8] in ("18", "19", "20") and _is_day(number[10:14]):
        return True
    return len(found[0]) == 18 and _check_digit(number) == number[17]


def _is_old_identity(found: re.Match[str]) -> bool:
    number = _digits(found[0])
    return number[:2] in _REGIONS and _is_day(number[8:12])


def _is_day(month_and_day: str) -> bool:
    return "01" <= month_and_day[:2] <= "12" and "01" <= month_and_day[2:] <= "31"


def _check_digit(number: str) -> str:
    weighed = zip(number[:17], _CHECK_WEIGHTS, strict=True)
    return "10X98765432"[sum(int(digit) * weight for digit, weight in weighed) % 11]


def _is_card(found: re.Match[str]) -> bool:
    """Announced, or right by Luhn, or of the national range 62; not a file number that starts with a date."""
    number = _digits(found[0])
    before = found.string[max(0, found.start() - 12) : found.start()]
    if _CARD_WORDS.search(before.rpartition("〕")[2]):
        return True
    dated = number[:2] in ("19", "20") and "01" <= number[4:6] <= "12"
    return not dated and (number.startswith("62") or (number[0] in "34569" and _luhn(number)))


def _luhn(number: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _is_mobile(found: re.Match[str]) -> bool:
    """The digits stand in groups of at least three, or one by one; else it is a row of numbers or a date."""
    groups = [len(group) for group in re.split(rf"{_S}+", found[0])]
    return min(groups) >= 3 or max(groups) == 1


def _announced(found: re.Match[str]) -> str:
    number = _digits(found[2])
    dated = len(number) == 8 and number[:2] in ("19", "20") and _is_day(number[4:])
    return found[0] if dated else found[1] + PHONE
