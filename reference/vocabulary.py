"""Words of the residents' language that belong to no jurisdiction."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from reference.traditional import TRADITIONAL, simplified

_WIDE_RANGES: Final = "Ａ-Ｚａ-ｚ０-９"
_WIDE = re.compile(f"[{_WIDE_RANGES}]")
_OTHERWISE_WRITTEN = re.compile(f"[{_WIDE_RANGES}{TRADITIONAL}]")
_GAP: Final = "[ \u3000.·*_~-]"
_SPACED = re.compile(f"{_GAP}(?<=[一-鿿].){_GAP}*(?=[一-鿿](?:{_GAP}|[，。！？,!?]|$))")
"""What stands between characters that are each set apart, as in `煤 气 泄 漏`."""

OUTSIDE: Final = (
    # crime and public order: for the police, not for this catalogue
    *("赌博", "赌场", "涉黄", "卖淫", "嫖", "诈骗", "被骗", "骗局", "P2P", "p2p", "非法集资", "集资", "网贷"),
    *(
        "高利贷",
        "套路贷",
        "跑路",
        "理财",
        "飙车",
        "炸街",
        "吸毒",
        "偷盗",
        "被盗",
        "六合彩",
        "打人",
        "殴打",
        "乞讨",
    ),
    # planning and public works yet to come
    *(
        "规划",
        "拓宽",
        "改扩建",
        "动工",
        "开工",
        "通车",
        "何时能通",
        "建设进度",
        "选址",
        "高铁",
        "轻轨",
        "隧道",
    ),
    *("过江通道", "开发进度", "三甲医院", "快速路", "立交桥"),
    # housing market and building quality
    *(
        "购房",
        "限购",
        "房价",
        "房贷",
        "开盘",
        "期房",
        "烂尾",
        "预售",
        "房屋质量",
        "质量问题",
        "精装",
        "开发商",
    ),
    *("全装修", "交房"),
    # staff, exams, household registers and other offices
    *(
        "编制",
        "职称",
        "考试",
        "面试",
        "教师资格",
        "户口",
        "落户",
        "身份证",
        "居住证",
        "护照",
        "退伍",
        "退役",
        "军人",
    ),
    *(
        "信用卡",
        "银行",
        "宽带",
        "手机号",
        "快递",
        "邮政",
        "体罚",
        "校园",
        "食堂",
        "学费",
        "生育",
        "二胎",
        "殡葬",
    ),
    *("公墓", "彩票", "拥堵", "堵车", "营业执照", "文化遗产", "奖学金", "助学金", "研究生", "大学生", "检疫"),
)
"""Topics that residents write about and no matter of the catalogue covers: where they prevail, a human decides."""


@lru_cache(maxsize=2)  # title and text of the message in hand, which several readers want
def normalise(text: str) -> str:
    """Return the text with full-width letters and digits narrowed and common traditional forms simplified."""
    if _OTHERWISE_WRITTEN.search(text) is None:
        return text
    narrow = text if _WIDE.search(text) is None else unicodedata.normalize("NFKC", text)
    return simplified(narrow)


def closed_up(text: str) -> str:
    """Return the text without what sets each of its characters apart."""
    return _SPACED.sub("", text)
