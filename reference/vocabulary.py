"""Words of the residents' language that belong to no jurisdiction."""

import re
import unicodedata
from typing import Final

VARIANTS: Final = str.maketrans(
    "電樓車廠廣場雜塵氣積與佔違規賠償驗證燈層點繳費險醫藥學園區噴聲訴業務門環廁圍牆著煙洩燒滅災開關鎖裡裏個們來過還這兩幾話說"
    "殺傷媽爺孫鄰夥聽親婦產嬰頭腳臉體斷腫倉庫廚陽臺颱櫃線纜壓變閘鋼彈槍錘鐵軟撲衝輪貨轎軋颳剎禍飛馬橋溝墜滾進沒農鹼劑潔嘔暈態"
    "動應無為嗎時現剛緊趕報護搶綁強姦闖毆濃濕滿塊廢雞請問諮擔後從會將該辦處經間歲號單戶對見給讓試練講傳聞導徑網賣買師紅綠鬧瘋"
    "壞壯擊縫窯礦繼續遺書結輕絕覺識脈氫漿漲決潰難蓋殘盜竊擋搖響衛營養檢測預備設裝維損毀樹葉風華國東長龍幫髒歷雙隻條張紙財貴價"
    "當實麼乾啟熱燙潑澆鹽銷錢銀鋪館飯廳臥嬸鬥亂劃誰別總罵喚啞嚇夾絞纏欄桿爐竈竄燬瀰彌嗆滯懸鬆離屍顧願夠寶貝騎遊鴉",
    "电楼车厂广场杂尘气积与占违规赔偿验证灯层点缴费险医药学园区喷声诉业务门环厕围墙着烟泄烧灭灾开关锁里里个们来过还这两几话说"
    "杀伤妈爷孙邻伙听亲妇产婴头脚脸体断肿仓库厨阳台台柜线缆压变闸钢弹枪锤铁软扑冲轮货轿轧刮刹祸飞马桥沟坠滚进没农碱剂洁呕晕态"
    "动应无为吗时现刚紧赶报护抢绑强奸闯殴浓湿满块废鸡请问咨担后从会将该办处经间岁号单户对见给让试练讲传闻导径网卖买师红绿闹疯"
    "坏壮击缝窑矿继续遗书结轻绝觉识脉氢浆涨决溃难盖残盗窃挡摇响卫营养检测预备设装维损毁树叶风华国东长龙帮脏历双只条张纸财贵价"
    "当实么干启热烫泼浇盐销钱银铺馆饭厅卧婶斗乱划谁别总骂唤哑吓夹绞缠栏杆炉灶窜毁弥弥呛滞悬松离尸顾愿够宝贝骑游鸦",
)
"""The traditional forms of the characters in which dangers are told, and of those in keywords (R-LAD-05)."""
_TO_NORMALISE = re.compile("[Ａ-Ｚａ-ｚ０-９" + "".join(map(chr, VARIANTS)) + "]")
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


def normalise(text: str) -> str:
    """Return the text with full-width letters and digits narrowed and common traditional forms simplified."""
    if _TO_NORMALISE.search(text) is None:
        return text
    return unicodedata.normalize("NFKC", text).translate(VARIANTS)


def closed_up(text: str) -> str:
    """Return the text without what sets each of its characters apart."""
    return _SPACED.sub("", text)
