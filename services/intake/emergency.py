"""What to do at once when a case reports a danger (R-LAD-05, R-HOT-13)."""

from typing import Final

from schemas.values import Emergency

_NAMES: Final = {"110": "公安110", "119": "消防119", "120": "急救120", "122": "交警122"}
_CARE: Final = {
    "110": "提醒当事人先到安全的地方，不要与对方正面冲突；涉及家庭暴力的，告知可申请人身安全保护令。",
    "119": "提醒当事人不要开关电器、不要使用明火，尽快撤到上风向的室外；有人被困时不要自行施救。",
    "120": "提醒当事人不要随意移动伤者，保持呼吸通畅，派人到路口引导救护车。",
    "122": "提醒当事人开启危险报警闪光灯、放置警示标志，人员撤到护栏外。",
}


def advice(emergency: Emergency, *, to_resident: bool, sealed: bool = False) -> dict[str, str]:
    """Return the line and, in Chinese, what the operator or the resident is to do now.

    `sealed`: the case is known to be accusation material, of which later words go to no line (R-PET-10).
    """
    line = emergency.line
    name = _NAMES[line]
    if sealed:
        text = f"如正发生危险，请立即拨打{name}。本件依规保密，系统不会转送{line}，只有直接拨打才能得到救助。"
    elif to_resident:
        text = f"如正发生危险，请立即拨打{name}。您的诉求已登记并同步转送，但不能代替拨打{line}。"
    else:
        text = (
            f"请立即一键转接{name}并保持三方通话，待对方确认接收后再挂断；职责不清时由首接人员继续跟进。"
            f"{_CARE[line]}"
        )
    return {"line": line, "advice": text}


def not_heard(emergency: Emergency) -> str:
    """Return what to do where we cannot take the words in at all now."""
    return f"如正发生危险，请立即拨打{_NAMES[emergency.line]}。系统暂时没能登记您的消息，请稍后重新发送。"


def call(line: str) -> str:
    """Return whom to call, where nothing of the case could be taken in."""
    return f"如正发生危险，请立即拨打{_NAMES[line]}。本次提交未被受理，更正后请重新提交。"


def call_now(emergency: Emergency) -> str:
    """Return what to do where the words reach no case any more."""
    return (
        f"如正发生危险，请立即拨打{_NAMES[emergency.line]}。本件不再接收补充，请另行提交新的诉求，以便转送。"
    )
