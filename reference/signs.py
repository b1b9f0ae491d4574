"""The parts from which the signs of dangers are put together: who, where, with what, and how badly (R-LAD-05).

All are alternatives for a regular expression, without a group of their own.
"""

from typing import Final

CLAUSE_ENDS: Final = " \u3000，,、：:…~"
IN_CLAUSE: Final = f"[^{CLAUSE_ENDS}]"
"""One character of the same clause."""

CHILD: Final = "孩子|小孩|娃|宝宝|婴儿|男孩|女孩|儿子|女儿|小朋友|学生|孙子|孙女"
ELDER: Final = "老人|老头|老太|老汉|大爷|大妈|爷爷|奶奶|外公|外婆|姥姥|姥爷|老伴"
WHO: Final = (
    f"(?<!害)人(?!行|家|民|才|社|事|工智)|我(?!家?的|区|市|国|院|校)|咱|他|她|一家|{CHILD}|{ELDER}|爸|妈|父亲|母亲|老公|老婆|丈夫|妻子"
    "|爱人|媳妇|哥|姐|弟弟|妹妹|叔|阿姨|婶|舅|师傅|同事|同学|室友|邻居|朋友|租客|住户|居民|乘客|司机|骑手|孕妇|产妇"
    "|保安|工友|民工|工头|闺女|男人|爹|妹|侄|丫头|公公|婆婆|女生|男生|女的|男的|男子|女子|老乡|姑娘|小伙"
)
KIN: Final = (
    "老公|丈夫|老婆|妻子|爱人|爸爸|父亲|我爸|我妈|妈妈|母亲|前夫|前妻|男友|男朋友|前男友|儿子|女婿|继父|继母|后爸|后妈|公公|婆婆|邻居"
    "|隔壁|对门|楼上|楼下"
)
BODY: Final = (
    "头(?!顶|疼|条)|手(?!续|机|工|里|段|头|册|上有)|胳膊|手臂|腿|脚(?!手架|踏)|脖子|身子|身体|半个身"
)
NO_GUN: Final = "(?<![水手焊喷油])"
WEAPON: Final = (
    "刀|匕首|斧|锤|榔头|钢管|铁管|铁棍|棍子|木棍|棒子|棒球棍|砖头|铁锹|硫酸|汽油|酒瓶|啤酒瓶|剪刀|钢筋"
    f"|{NO_GUN}枪"
)
VEHICLE: Final = "车|摩托|公交|大巴|三轮|货柜"
INDOORS: Final = (
    "楼道|楼梯|楼里|走廊|过道|单元|屋|房间|家里|我家|卧室|客厅|厨房|阳台|窗户|窗口|地下室|车库|仓库|电梯|电表|电箱|配电|插座"
    "|空调|冰箱|洗衣机|机房|井道|宿舍|教室|病房|车间|商场|超市|网吧|[一二三四五六七八九十\\d]+楼"
)
HURT: Final = (
    "伤|血|昏|晕|躺|倒地|压着|压在|压住|压到|卡在|卡住|不省人事|飞|死"
    "|断了|骨折|动不了|不动|起不来|爬不起|没气|没呼吸"
)


def pairs(first: str, second: str) -> str:
    """Return each alternative of `first` followed by each of `second`: the words by which a sign is looked for."""
    return "|".join(a + b for a in first.split("|") for b in second.split("|"))
