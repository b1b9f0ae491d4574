"""What a person wrote in a mail: without the mail that they answer, and without their signature."""

import re
from typing import Final

_DASHES: Final = re.compile(
    r"^\s*-{2,}\s*(?:原始邮件|原邮件|回复的原邮件|转发邮件|转发的邮件|Original Message|Forwarded message)",
    re.IGNORECASE,
)
_WROTE: Final = re.compile(r"^\s*(?:在|On|于).{0,200}(?:写道|wrote)\s*[:：]\s*$", re.IGNORECASE)
_SENDER: Final = re.compile(r"^\s*[*]?(?:发件人|From)[*]?\s*[:：]", re.IGNORECASE)
_MORE: Final = re.compile(
    r"^\s*[*]?(?:发送时间|日期|收件人|主题|Sent|Date|To|Subject)[*]?\s*[:：]", re.IGNORECASE
)
_SIGNATURE: Final = re.compile(
    r"^(?:-- ?|发自我的.{0,30}|从我的.{0,30}发送|Sent from my .{0,40})$", re.IGNORECASE
)
_WITHIN: Final = 4


def own_words(text: str, *, is_answer: bool) -> str:
    """Return what the sender wrote themselves; of a mail that answers none, all but the signature.

    Where nothing is left, the whole text is theirs: whoever writes between the lines must not be silenced.
    """
    kept: list[str] = []
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for place, line in enumerate(lines):
        if _SIGNATURE.match(line) or (is_answer and _begins_quote(lines, place)):
            break
        if not (is_answer and line.lstrip().startswith(">")):
            kept.append(line.rstrip())
    own = "\n".join(kept).strip()
    return own or text.strip()


def _begins_quote(lines: list[str], place: int) -> bool:
    line = lines[place]
    if _DASHES.match(line) or _WROTE.match(line):
        return True
    following = lines[place + 1 : place + 1 + _WITHIN]
    return bool(_SENDER.match(line)) and any(_MORE.match(after) for after in following)
