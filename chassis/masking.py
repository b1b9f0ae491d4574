"""Masking of personal numbers in free text, before the text enters an event (R-PRIV-01, R-HOT-14).

Each number is replaced whole by a fixed word, so that nothing of it is left. Masked are phone numbers
(mobile; landline with area code; 400/800; bare local numbers that are announced as such, or to be called), resident
identity numbers of 18 and 15 digits, passports, travel permits, cards of service and insurance, bank cards, e-mail
addresses, announced WeChat and QQ accounts, and names that are announced as such (我叫…, 姓名：…); phone and
identity numbers also in Chinese numerals, and with whatever people put between the digits.
Digits and letters in disguise (circled, keycaps, mathematical, O for 0, l for 1, invisible characters between) are
read as plain ones by `chassis.disguise`; what is not masked stays as it was written.
Licence plates stay: traffic and parking matters cannot be handled without them. In doubt a number is masked.
Every pattern is bounded or possessive, hence the time is linear in the length of the text.
"""

import re
from collections.abc import Callable, Collection, Set
from typing import Any, Final

from chassis.disguise import is_disguised, undisguised, written_for
from chassis.names import ANNOUNCED, INTRODUCED, WORD, WORD_BEGINS, WORD_HOLDS, announced

PHONE: Final = "〔电话〕"
IDENTITY: Final = "〔证件号〕"
CARD: Final = "〔银行卡〕"
EMAIL: Final = "〔邮箱〕"
ACCOUNT: Final = "〔账号〕"
NAME: Final = "〔姓名〕"

_HAN = r"\u3400-\u4e35\u4e37-\u675f\u6761-\u9fff"  # but for 丶 and 杠, which people write for strokes
_KEPT = rf"A-Za-z\d{_HAN}Ａ-Ｚａ-ｚ〇〔〕"  # all else may stand between the digits of a number
_T = r" \t\u3000\xa0\-\u2010-\u2015－_.·．"  # what people put between the groups of any number
_L = rf"[^{_KEPT}]"  # some of these also part the items of a list
_S = rf"[^{_KEPT}，,、]"
_C = "〇○零一二三四五六七八九幺壹贰貳叁參肆伍陆陸柒捌玖洞两"
_N = rf"[\d{_C}]"
_WORD = "A-Za-z0-9Ａ-Ｚａ-ｚ０-９"

# Most texts hold none of these and are done: seven digits, an @, an account word. Each pattern begins with one
# set of characters: that is what the search skips the others by, several times as fast as by alternatives.
_NUMBER = re.compile(rf"[0-9０-９{_C}](?:{_L}{{0,3}}{_N}){{6}}")
_ACCOUNT_BEGINS = "微薇威QqVvWw扣企支账帐"
_ACCOUNT_HOLDS = (
    r"(?<=[微薇威Vv])信|(?<=加[微薇威Vv])|(?<=加我[微薇威Vv])|(?<=企)鹅|(?<=[Qq])[Qq群]|(?<=扣)扣|(?<=[VvWw])[Xx]"
    r"|(?<=[Ww])[Ee][Cc][Hh]|(?<=支)付宝|(?<=[账帐])号"
)
_ACCOUNT_WORD = re.compile(f"[{_ACCOUNT_BEGINS}](?:{_ACCOUNT_HOLDS})")
_EMAIL = re.compile(
    rf"(?<![{_WORD}._%+-])[._%+-]*+[{_WORD}][{_WORD}._%+-]*+[@＠][{_WORD}-]++(?:[.．][{_WORD}-]++)*+"
)
# With something for the @, or around it: before a provider of mail anything goes, else it must read at.
_AT = r"(?:[\[(（【<{]\s?(?:at|a|@|＠|艾特|爱特|圈)\s?[\])）】>}]|\s?(?:@|＠|艾特|爱特|圈a)\s?|\sat\s|[#＃])"
_PROVIDER = (
    r"(?:qq|vip|16[38]|126|139|189|sina|sohu|foxmail|gmail|outlook|hotmail|yahoo|icloud|aliyun|yeah|live|msn)"
)
_DOT = r"\s?(?:[.．。,，·]|[\[(（【]?(?:dot|点)[\])）】]?)\s?"
_HIDDEN_EMAIL = re.compile(
    rf"(?<![{_WORD}])[{_WORD}][{_WORD}._%+-]{{0,63}}+"
    rf"(?:\s{{0,2}}{_AT}\s{{0,2}}[{_WORD}-]{{1,40}}+|[^{_WORD}。，,、；;\n]{{1,3}}{_PROVIDER})"
    rf"(?:{_DOT}[a-z0-9-]{{2,20}}){{0,2}}{_DOT}(?:com|cn|net|org|edu|gov|vip|cc)(?![a-z])",
    re.IGNORECASE,
)
_DOMAIN_BEGINS = "CcNnOoEeGgVv"
_DOMAIN_HOLDS = "[Oo][MmVv]|[NnCc]|[Ee][Tt]|[Rr][Gg]|[Dd][Uu]|[Ii][Pp]"
_DOMAIN = re.compile(f"[{_DOMAIN_BEGINS}](?:{_DOMAIN_HOLDS})")  # com, cn, net …
# One look for all three: it finds some that are none of them, and then each is looked for.
_ANY_WORD = re.compile(
    f"[{_ACCOUNT_BEGINS}{WORD_BEGINS}{_DOMAIN_BEGINS}](?:{_ACCOUNT_HOLDS}|{WORD_HOLDS}|{_DOMAIN_HOLDS})"
)
_ACCOUNT = re.compile(
    r"((?:微信|[薇威v]信|(?<![a-z])(?:QQ|Q(?=群)|[vw]x|wechat)|扣扣|企鹅|加我?[微薇威v])(?:号码?|群号?|账号|帐号|id)?"
    rf"(?:[^{_KEPT}。！？!?]|[是为]){{0,4}})({_N}(?:{_L}{{0,2}}{_N}){{4}}(?:{_L}{{0,2}}{_N})*+[a-z0-9_-]*+|[a-z][a-z0-9_-]{{5,}}+)",
    re.IGNORECASE,
)
# The word alone announces many things: an account has letters and digits, or many digits.
_OTHER_ACCOUNT = re.compile(
    r"((?:支付宝(?:账号|帐号|号)?|(?<!公众号)[账帐]号)[\s:：为是]{0,3})"
    r"((?=[a-z0-9_-]{6})[a-z][a-z_-]*\d[a-z0-9_-]*|\d{8,}(?![\d.]|\s?[元万年]))",
    re.IGNORECASE,
)
# Numerals of Chinese words beside the number (第一…, …一直) are no part of it.
_FIRST = rf"{_N}(?<!\d\d)(?<![{_C}][{_C}])"
# Two more digits make it the number of a disability card: kind and degree.
_IDENTITY_18 = re.compile(rf"{_FIRST}(?:{_L}{{0,3}}{_N}){{16}}{_L}{{0,3}}[\d{_C}XxＸｘ×](?:\d\d)?(?!\d)")
_IDENTITY_15 = re.compile(rf"{_FIRST}(?:{_L}{{0,3}}{_N}){{14}}(?!{_N})")
_PASSPORT = re.compile(
    rf"[A-Za-zＡ-Ｚａ-ｚ](?<![{_WORD}].)"
    r"(?:(?<=[EGDSPegdspＥＧＤＳＰｅｇ])[ -]?\d{8}|(?<=[EeＥｅ])[A-Za-zＡ-Ｚ][ -]?\d{7}"
    r"|(?<=[CHMchmＣＨＭｃｈｍ])[ -]?\d{8}(?:\d\d)?)"
    rf"(?![{_WORD}])"
)
_OTHER_NUMBER = re.compile(r"(?:单号?|编号|文号|合同号?|车架号?|型号)(?:码|为|是)?[\s:：]{0,3}$")
_PERMIT = re.compile(
    r"((?:护照|通行证|台胞证|回乡证|居住证|军官证|士兵证|警官证|社保卡|医保卡)[^\dA-Za-zＡ-Ｚａ-ｚ〔〕\n电话拨打]{0,6})"
    rf"([A-Za-zＡ-Ｚａ-ｚ]{{0,2}}(?:{_S}{{0,2}}\d){{7,10}})(?!\d|年|元|万)"
)
_BETWEEN = rf"[{_T}\r\n:：;；~～。]{{1,2}}"
_CARD = re.compile(
    rf"\d(?<!\d\d)\d{{3}}(?:\d{{12,15}}|(?:{_BETWEEN}\d{{4}}){{3}}(?:{_BETWEEN}\d{{1,3}})?)(?!\d)"
)
_SPELLED_CARD = re.compile(rf"[{_C}](?<!{_N}.)(?:{_L}{{0,3}}{_N}){{15,18}}(?!{_N})")
_CARD_WORDS = re.compile(r"卡号|[账帐]号|银行|存折|账户|帐户|汇款|打款")
# A number starts where no digit stands before it, except a country or trunk prefix. Looking behind only after
# the first digit lets the search skip other characters fast.
_MOBILE = re.compile(
    r"[1１](?:(?<!\d[1１])|(?<=(?<!\d)[0０][1１])|(?<=(?<!\d)[8８][6６][1１])|(?<=(?<!\d)[0０]{2}[8８][6６][1１]))"
    rf"{_L}{{0,3}}[3-9３-９](?:{_L}{{0,3}}\d){{9}}(?!\d)"
)
_G = r"[ \-()（）]{0,2}"
_FOREIGN = re.compile(
    rf"(?:[+＋](?<![\dA-Za-z].)(?!{_G}86)[1-9]|[0０](?<!\d.)[0０](?:85[23]|886|1(?=[ -]))){_G}\d(?:{_G}\d){{7,13}}"
    r"(?!\d|[.．]\d|\s?(?:[元万亿%％度人户吨米块]|平[方米]))"
)
_LISTING = re.compile(rf"[^{_KEPT}{_T}*＊＿()（）]")
_MEASURED = re.compile(r"\s?(?:多|余|左右)?(?:[元平年路栋户人米㎡万个吨]|号[楼线])")
_PAIRED: Final = ([3, 2, 2, 2, 2], [3, 4, 2, 2], [3, 3, 3, 2], [3, 2, 2, 4])
_SHAPES: Final = ([11], [3, 4, 4], [3, 3, 5], [3, 8], [7, 4])
_SPELLED = re.compile(
    rf"[一幺壹](?:{_L}{{0,3}}[三四五六七八九叁參肆伍陆陸柒捌玖3-9３-９])(?:{_L}{{0,3}}{_N}){{9}}{_N}*+"
    rf"|[1１](?<!\d[1１]){_L}{{0,3}}[三四五六七八九叁參肆伍陆陸柒捌玖](?:{_L}{{0,3}}{_N}){{9}}(?!\d)"
    rf"|[1１](?<!\d[1１]){_L}{{0,3}}[3-9３-９](?:{_L}{{0,3}}\d){{0,8}}+(?:{_L}{{0,3}}[{_C}])"
    rf"(?:{_L}{{0,3}}{_N}){{0,8}}(?!{_N})"
)
# The first three digits read as one number, or said before the others: 一百三十八…, 135后面是….
_SAID = re.compile(
    rf"一百[三四五六七八九]十[一二三四五六七八九]?(?:{_L}{{0,3}}{_N}){{8}}(?!{_N})"
    rf"|[1１](?<!\d[1１])[3-9３-９]\d[，,\s]?(?:后[面边头]|然后|接着|再|加上)[是接跟加：:\s]{{0,3}}"
    rf"\d{{4}}{_S}{{0,3}}\d{{4}}(?!\d|[元万年])"
)
_LANDLINE = re.compile(
    rf"[0０](?<!\d[0０])(?:[1１][0０]|[2２]\d|[3-9３-９]\d{{2}}){_L}{{0,3}}"
    rf"[2-9２-９]\d{{2,3}}{_S}{{0,3}}\d{{4}}(?:转\d{{1,6}}|[-－]\d{{1,6}})?(?!\d)"
)
_SPELLED_LANDLINE = re.compile(rf"[0０零〇○](?<!{_N}.)(?:{_L}{{0,3}}{_N}){{9,11}}(?!{_N})")
_AREA_AND_NUMBER = re.compile(r"0(?:10|2\d|[3-9]\d\d)[2-9]\d{6,7}")
_SERVICE = re.compile(
    rf"[48４８](?<!\d[48４８])[0０]{{2}}(?:{_S}{{0,3}}\d){{7}}(?!\d|[/／]\d|万|亿|元|平|米)"
)
_ANNOUNCED = re.compile(
    rf"((?:电话|座机|固话|宅电|传真|手机|联系方式|号码|致电|拨打|[Tt][Ee][Ll])(?<!〔电话)[^\d{_C}〔〕\n+＋]{{0,6}})"
    rf"({_N}{{3,4}}{_S}{{0,3}}{_N}{{4}}|{_N}{{9,12}})(?:[-－—]\d{{1,8}})?+(?!{_N}|年|元|万)"
)
# A local number that is to be called, without the word for a telephone: 打83712346找我.
_CALLED = re.compile(
    rf"([打拨联找回来](?:(?<=[打拨])|(?<=联)系|(?<=找)我|(?<=[回来])电)[^\d{_C}〔〕\n]{{0,4}})"
    rf"([2-8２-８]\d{{2,3}}{_S}{{0,3}}\d{{4}})(?!\d|\s?[年元万亿块平米㎡斤])"
)

_Replacement = Callable[[re.Match[str]], str]
_Step = tuple[re.Pattern[str], _Replacement]
"""What to look for, and what to put in its place: the same text where it is no personal number."""
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
_NUMERALS = str.maketrans(_C, "000123456789112233456678902")
_CHECK_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def mask(text: str, *, keep_lines: bool = False) -> str:
    """Return `text` with personal numbers and accounts replaced (R-PRIV-01). Masking twice changes nothing more.

    `keep_lines` leaves landlines and 400 numbers: for what an office says, which may be where to call it.
    """
    if is_disguised(text):
        masked = _mask_disguised(text, keep_lines=keep_lines)
    else:
        masked = text
        for pattern, replacement in _steps(text, keep_lines=keep_lines):
            masked = pattern.sub(replacement, masked)
    return mask_names(masked, names_in(text)) if NAME in masked else masked


def names_in(*texts: str) -> frozenset[str]:
    """Return the names that texts announce: those of one message hide a name wherever it stands in another."""
    plain = (undisguised(text) if is_disguised(text) else text for text in texts)
    return frozenset().union(*map(announced, plain))


def mask_names(text: str, names: Collection[str]) -> str:
    """Return `text` with these names replaced wherever they stand, also with spaces between their characters."""
    present = [name for name in names if all(each in text or each.isspace() for each in name)]
    if not present:  # nearly always: no pattern is made for a name that cannot be there
        return text
    pattern = re.compile("|".join(map(_spelled, sorted(present, key=len, reverse=True))))
    if not is_disguised(text):
        return pattern.sub(NAME, text)
    _, written = _replaced(pattern, lambda _: NAME, undisguised(text), written_for(text))
    return "".join(written)


def _spelled(name: str) -> str:
    if name.isascii():
        return re.escape(name)
    return r"[ \u3000]?".join(re.escape(character) for character in name if not character.isspace())


def mask_fields(given: Any, prose: Set[str], with_lines: Set[str], name: str = "") -> Any:
    """Return the fields of a request, however deep, with the texts masked that bear one of these names: what staff
    write becomes part of events that are kept for good. `with_lines`: those that may say which office to call.
    """
    match given:
        case dict():
            return {key: mask_fields(value, prose, with_lines, key) for key, value in given.items()}
        case list() | tuple():
            return [mask_fields(value, prose, with_lines, name) for value in given]
        case str() if name in prose or name in with_lines:
            return mask(given, keep_lines=name in with_lines)
    return given


def _steps(text: str, *, keep_lines: bool) -> tuple[_Step, ...]:
    """Return what must be looked for in `text`, in order: an identity number before a phone number in it."""
    steps: tuple[_Step, ...] = ()
    has_words = _ANY_WORD.search(text) is not None
    if has_words and _ACCOUNT_WORD.search(text):
        steps += _ACCOUNTS
    if "我是" in text:
        steps += _INTRODUCTIONS
    if has_words and WORD.search(text):
        steps += tuple([step for signs, step in _NAMES if any(sign in text for sign in signs)])
    if has_words and _DOMAIN.search(text):
        steps += _HIDDEN_EMAILS
    if "@" in text or "＠" in text:
        steps += _EMAILS
    if _NUMBER.search(text):
        steps += _NUMBERS if keep_lines else _NUMBERS + _LINES
    return steps


def _mask_disguised(text: str, *, keep_lines: bool) -> str:
    """Look for the numbers in the plain reading of `text`, and replace what was written for them."""
    plain = undisguised(text)
    written: list[str] = []  # worked out once there is something to replace: it goes character by character
    for pattern, replacement in _steps(plain, keep_lines=keep_lines):
        if pattern.search(plain) is not None:
            plain, written = _replaced(pattern, replacement, plain, written or written_for(text))
    return "".join(written) if written else text


def _replaced(
    pattern: re.Pattern[str], replacement: _Replacement, plain: str, written: list[str]
) -> tuple[str, list[str]]:
    """Replace in both readings what is found in the plain one."""
    read: list[str] = []
    kept: list[str] = []
    end = 0
    for found in pattern.finditer(plain):
        token = replacement(found)
        if token == found[0]:
            continue
        same = token.rindex("〔")  # the word that announces the number stays
        start = found.start() + same
        read += plain[end:start], token[same:]
        kept += [*written[end:start], *token[same:]]
        end = found.end()
    return "".join([*read, plain[end:]]), [*kept, *written[end:]]


def _when(holds: Callable[[re.Match[str]], bool], token: str) -> Callable[[re.Match[str]], str]:
    return lambda found: token if holds(found) else found[0]


def _digits(text: str) -> str:
    """Return only the digits of `text`, in ASCII; a final X counts as one."""
    plain = text.translate(_NUMERALS)
    return "".join(str(int(c)) if c.isdecimal() else "X" for c in plain if c.isdecimal() or c in "XxＸｘ×")


def _is_account(found: re.Match[str]) -> bool:
    """A name, or digits that are no date: they stand one by one, or in groups of three at least."""
    groups = _groups(found[2])
    return not found[2][0].isdecimal() or max(groups) == 1 or min(groups) >= 3


def _groups(written: str) -> list[int]:
    """Return how many digits stand together, from one separator to the next."""
    return [len(group) for group in re.split(rf"{_L}+", written)]


def _is_identity(found: re.Match[str]) -> bool:
    """A plausible region and birth date, or, written in one piece, a right check digit (GB 11643)."""
    number = _digits(found[0])
    if number[:2] not in _REGIONS:
        return False
    if number[6:8] in ("18", "19", "20") and _is_day(number[10:14]):
        return True
    return len(found[0]) == 18 and _check_digit(number) == number[17]


def _is_old_identity(found: re.Match[str]) -> bool:
    number, groups = _digits(found[0]), _groups(found[0])
    if number[:2] not in _REGIONS or not _is_day(number[8:12]):
        return False
    return groups in ([15], [6, 6, 3]) or max(groups) == 1


def _is_no_other_number(found: re.Match[str]) -> bool:
    """Not what is announced as another number: an order, a contract, a letter's file number."""
    return _OTHER_NUMBER.search(found.string, max(0, found.start() - 8), found.start()) is None


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
    """The digits stand in groups as people speak them, or one by one; else it is a row of numbers or a date.

    Commas and strokes part the items of lists, too: there the groups must be those of a phone number.
    """
    groups = _groups(found[0])
    if max(groups) == 1:
        return True
    if not _LISTING.search(found[0]):
        return min(groups) >= 3 or groups in _PAIRED
    return groups in _SHAPES and not _MEASURED.match(found.string, found.end())


def _is_spelled_mobile(found: re.Match[str]) -> bool:
    return len(_digits(found[0])) >= 11


def _is_landline(found: re.Match[str]) -> bool:
    """In Chinese numerals at least in part, or digit by digit: other forms have a pattern of their own."""
    spelled = any(c in _C for c in found[0]) or max(_groups(found[0])) == 1
    return spelled and _AREA_AND_NUMBER.fullmatch(_digits(found[0])) is not None


def _announced(token: str) -> Callable[[re.Match[str]], str]:
    def masked(found: re.Match[str]) -> str:
        number = _digits(found[2])
        dated = len(number) == 8 and number[:2] in ("19", "20") and _is_day(number[4:])
        return found[0] if dated else found[1] + token

    return masked


_ACCOUNTS: Final[tuple[_Step, ...]] = (
    (_ACCOUNT, lambda found: found[1] + ACCOUNT if _is_account(found) else found[0]),
    (_OTHER_ACCOUNT, _announced(ACCOUNT)),
)
_INTRODUCTIONS: Final[tuple[_Step, ...]] = ((INTRODUCED, lambda found: found[1] + NAME),)
_NAMES: Final[tuple[tuple[tuple[str, ...], _Step], ...]] = tuple(
    (signs, (names, lambda found: found[1] + NAME)) for signs, names in ANNOUNCED
)
_EMAILS: Final[tuple[_Step, ...]] = ((_EMAIL, lambda _: EMAIL),)
_HIDDEN_EMAILS: Final[tuple[_Step, ...]] = ((_HIDDEN_EMAIL, lambda _: EMAIL),)
_NUMBERS: Final[tuple[_Step, ...]] = (
    (_IDENTITY_18, _when(_is_identity, IDENTITY)),
    (_IDENTITY_15, _when(_is_old_identity, IDENTITY)),
    (_PASSPORT, _when(_is_no_other_number, IDENTITY)),
    (_CARD, _when(_is_card, CARD)),
    (_SPELLED_CARD, _when(_is_card, CARD)),
    (_MOBILE, _when(_is_mobile, PHONE)),
    (_PERMIT, _announced(IDENTITY)),
    (_SPELLED, _when(_is_spelled_mobile, PHONE)),
    (_SAID, lambda _: PHONE),
)
_LINES: Final[tuple[_Step, ...]] = (
    (_LANDLINE, lambda _: PHONE),
    (_SPELLED_LANDLINE, _when(_is_landline, PHONE)),
    (_SERVICE, lambda _: PHONE),
    (_ANNOUNCED, _announced(PHONE)),
    (_CALLED, _announced(PHONE)),
    (_FOREIGN, _when(_is_no_other_number, PHONE)),
)
