"""How residents tell of violence at home that goes on; it is never family trivia (R-LAD-05).

Each sign names who beats or who is beaten at home: a brawl of strangers told in a letter is for a human to judge.
"""

from itertools import product
from typing import Final

_KIN: Final = (
    "(?:老公|丈夫|男人(?!们)|老婆|妻子|爱人|爸爸|父亲|我爸|我妈|妈妈|前夫|男友|男朋友"
    "|继父|继母|后妈|邻居家|男主人)"
)
_VICTIMS: Final = (
    *("老婆", "妻子", "媳妇", "爱人", "女友", "女朋友", "孩子", "小孩", "女儿", "儿子", "老人", "父母"),
    *("母亲", "父亲", "妈妈", "爸爸", "婆婆", "公公"),
)
_VICTIM: Final = f"(?:{'|'.join(_VICTIMS)})"
_OWN: Final = ("", "自己", "自己的", "他", "他的", "其", "的")
_ABUSE: Final = "(?:家暴|家庭暴力)(?!史|前科|记录|倾向|的|者|受害|妇女)"
_BEAT: Final = f"(?:殴打|毒打|暴打|虐打|虐待|拳打脚踢|{_ABUSE})(?!.{{0,3}}(?:猫|狗|犬|动物|宠物))"
_HOW: Final = (
    "(?:又|还|总是?|老是?|再次|经常|常常?|时常|多次|屡次|长期|常年|天天|每天|一直|动不动就?|酒后|一?喝[了醉多点]{0,2}酒?后?就?|动手|在家里?|正在"
    f"|实施|施行|的|对(?:我|{_VICTIM})|把(?:我|{_VICTIM})){{0,4}}"
)
"""What may stand between who beats and the blow, so that no stranger does."""
_BLOW: Final = "(?<![拨殴毒暴虐敲捶拍])打"
_NO_BLOW: Final = (
    "(?!(?:妈|爸|家|们|老[公婆])?的?(?:电话|手机|微信|疫苗|针|主意|机|卡|牌|旗|工|官司|招呼|家的?门))"
)

SIGNS: Final = (
    f"{_KIN}{_HOW}{_BEAT}",
    f"(?:{_KIN}|儿媳妇?|女婿|儿子|女儿){_HOW}{_BLOW}我{_NO_BLOW}",
    f"(?:邻居|隔壁|对门|楼[上下]|住户|夫妻|家里|我家|存在|有人?).{{0,6}}{_ABUSE}",
    f"(?:遭受?|被).{{0,4}}{_ABUSE}",
    f"(?:殴打|毒打|暴打|虐打|虐待|打骂|家暴)(?:{'|'.join(_OWN)}){_VICTIM}",
    f"{_VICTIM}被{_KIN}?{_HOW}{_BEAT}",
    f"对(?:{'|'.join(_OWN)}){_VICTIM}{_HOW}{_BEAT}",
    f"{_BLOW}(?:{'|'.join(_OWN)}){_VICTIM}{_NO_BLOW}",
)
"""Patterns; the words around a hit still decide whether it is real."""
HINTS: Final = (
    *("家暴", "家庭暴力", "殴打", "毒打", "暴打", "虐打", "虐待", "拳打脚踢", "打骂", "打我"),
    *(f"打{own}{victim}" for own, victim in product(_OWN, _VICTIMS)),
)
"""Every sign holds one of these."""
AFTERMATH: Final = "立案|鉴定|拘留|轻微?伤|重伤|伤残"
"""Words of the case at law that follows: the police know of it already."""
