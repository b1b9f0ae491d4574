"""What the account says to its followers. At most 2048 bytes each, which the platform allows."""

from collections.abc import Iterable
from datetime import timedelta, timezone
from typing import Final

from services.intake.channels.reception import Received
from services.intake.views import Tracking

_LONGEST_BYTES: Final = 2048
_LATEST_STEPS: Final = 5
_BEIJING: Final = timezone(timedelta(hours=8))

HELP: Final = (
    "请直接发送文字或语音，说明您要反映的事项，再发送位置或地址。\n"
    "发送查询码或“进度”：查看办理情况；发送“补充”：补充情况；发送“取消”：放弃本次填写。\n"
    "遇紧急危险请直接拨打110、119、120。"
)
WELCOME: Final = f"您好，这里是社区诉求受理。{HELP}"
ASK_MATTER: Final = "请用文字或语音说明要反映的事项，例如：三单元楼道灯坏了半个月。"
ASK_PLACE: Final = "已记下。请发送位置，或写明地址（小区、楼栋或道路门牌）；不清楚地址请回复“无”。"
ASK_PLACE_AGAIN: Final = (
    "已记下，但没有查到这个地址。请再写一次小区名或道路门牌，或发送位置；仍不清楚请回复“无”。"
)
ASK_FACTS: Final = "请发送要补充的内容，将记入您最近的一件诉求。"
OUTSIDE: Final = "这个位置不在本区范围内。事项如在本区，请写明地址；不在本区的，请联系当地12345。"
GOT_PICTURE: Final = "图片已收到。"
LOST_PICTURE: Final = "〔图片〕来件人经微信发送的图片未能收入（wechat:media/{}）。"
CANNOT_READ: Final = "暂时只能处理文字、语音、图片和位置。请用文字说明。"
CANCELLED: Final = "已放弃本次填写，没有登记。"
NOTHING_TO_CANCEL: Final = "没有正在填写的事项。已登记的诉求如需撤回，请凭查询码在网页办理或拨打12345。"
NO_CASE: Final = "没有查到您的诉求。请发送查询码，或直接说明要反映的事项。"
NO_SUCH_CODE: Final = "没有这个查询码，请核对后重新发送。"
TOO_MANY_CODES: Final = "错误的查询码太多，请稍后再试。"
ADDED: Final = "补充内容已记入您最近的一件诉求。"
PLACED: Final = "位置已记入您刚才报告的险情，请保持电话畅通。"
ENDED: Final = "您最近的一件诉求已办结或已撤回，不再接收补充。请作为新的事项发送。"
FAILED: Final = "抱歉，您刚才的消息没有处理成功，请重新发送或拨打12345。"


def registered(received: Received, *, after_waiting: bool) -> str:
    """Tell that a matter was taken in, first what to do in a danger (R-LAD-05)."""
    lead = "您之前发送的事项已按已有内容登记" if after_waiting else "您反映的事项已登记"
    lines = [received.danger, f"{lead}，查询码：{written(received.tracking_code)}。"]
    if not received.located:
        lead = "还不能确定具体位置，"
        lines.append(lead + ("请马上发送位置。" if received.danger else "可发送“补充”说明地址。"))
    lines.append("直接发送查询码或“进度”可查看办理情况，发送“补充”可补充情况。")
    return joined(lines)


def progress(code: str, seen: Tracking) -> str:
    """Tell where a case is, with its latest steps (R-PET-13)."""
    steps = [
        f"{step.at.astimezone(_BEIJING):%m-%d %H:%M} {step.words}" for step in seen.timeline[-_LATEST_STEPS:]
    ]
    return joined([f"{written(code)}：{seen.words}", *steps])


def written(code: str) -> str:
    """Write a tracking code as people read it, however they wrote it: 7K3M-0QXR-8T2B."""
    plain = "".join(character for character in code.upper() if character.isalnum())
    return "-".join(plain[start : start + 4] for start in range(0, len(plain), 4))


def joined(lines: Iterable[str | None]) -> str:
    """Return the lines that there are, within what the platform takes."""
    text = "\n".join(line for line in lines if line)
    return text.encode()[:_LONGEST_BYTES].decode(errors="ignore")
