"""How people announce a name in free text (R-PRIV-01).

`ANNOUNCED` holds patterns whose first group is the announcement, and the rest of the match the name, or several;
further groups are the parts of one name. All are bounded; a text without a `WORD` holds none of them.
"""

import re
from typing import Final

_HAN: Final = r"[\u4e00-\u9fff]"
_COMMON: Final = (
    "李王张刘陈杨赵黄周吴徐孙胡朱林郭罗宋郑谢韩唐冯董萧程曹袁邓傅沈彭吕苏卢蒋"
    "蔡贾丁魏薛叶阎潘杜戴夏钟汪姜范姚谭廖邹熊陆郝孔崔毛邱秦顾侯邵孟尹黎乔贺赖龚"
)
"""The surnames that few other words begin with."""
_SURNAMES: Final = (
    f"{_COMMON}张陳楊趙黃吳孫馮蕭鄧盧蔣賈閻鍾譚鄒陸龔葉劉鄭謝韓許许何高马馬梁田于余任石龙龍万萬段雷汤湯易常武文庞樊兰殷施陶"
    "洪翟安颜顏倪严嚴牛温溫芦季俞章鲁葛伍韦韋申尤毕聂丛焦向柳邢路岳齐梅莫庄莊辛管祝左涂谷祁时舒耿牟卜詹关關苗凌费費纪靳盛童欧"
    "歐甄项曲成游阳裴席卫查屈鲍覃霍翁隋甘景单包司柏宁柯阮桂闵解柴华車车冉房边吉饶刁瞿戚丘古米池滕晋苑臧宫苟褚廉简娄盖符奚木穆"
    "党燕郎谈姬屠连晏栾郁商蒙计喻窦迟敖冷卓花仇艾蓝巩井仲乐虞卞封冼楚佟栗匡宗应巫鞠桑荆伏岑习胥蔺云昌凤皮康元金江史方白秋狄闫"
    "肖付代戈麦麻"
)
WORD_BEGINS: Final = "叫字名姓人款"
WORD_HOLDS: Final = (
    r"(?<=[我名]叫)|(?<=名字)|(?<=姓名)|(?<=[我贵]姓)|(?<=本人)|(?<=联[系络]人)|(?<=聯[繫絡系]人)"
    rf"|(?<=姓)(?=[ \u3000])|(?<=[诉映报电信访求请案助]人)(?=[ \u3000]?[:：]|[{_COMMON}])"
    r"|(?<=[署签]名)(?=[ \u3000]?[:：])|(?<=落款)(?=[ \u3000]?[:：])"
)
WORD: Final = re.compile(f"[{WORD_BEGINS}](?:{WORD_HOLDS})")

_DOUBLE: Final = (
    "欧阳|歐陽|司马|司馬|诸葛|諸葛|上官|司徒|东方|東方|独孤|南宫|夏侯|尉迟|皇甫|公孙|慕容|令狐|宇文|长孙|端木|轩辕|百里|呼延"
    "|澹台|闻人|东郭|西门"
)
_NOT: Final = (
    "(?!任何|安保|安全|单位|房东|房产|车主|车队|管家|管理|包工|常常|时常|时候|路人|路边|连续|高铁|马上|谢谢|方便|白天|文明|石油|江苏"
    "|明天|成都|万一|应该|应当|关于|关系|向上|边上|解决|解释|商家|商户|古城|金额|田地|田里|高中|高考|高层|代理|代表|云南|米饭|何时|何人"
    "|何处|元旦|计划|习惯|方式|查看|查询|付款|于是|易地)"
)
"""Words that begin like a surname."""
_SOUNDS: Final = "阿艾买吐努古热依乌帕麦玉扎卓次格达巴索旦洛尼白央娜苏其斯呼额敖那哈穆库迪伊卡沙塔亚祖赛木"
"""What names from other languages of the country often begin with."""
_FOREIGN: Final = rf"(?:{_HAN}{{2,8}}[·•・‧∙]{_HAN}{{2,8}}|[{_SOUNDS}]{_HAN}{{1,7}}[.．]{_HAN}{{2,8}})"
_LONG: Final = rf"(?!阿姨|苏州|那个|那些|其他|其它|达到|白天|古城)[{_SOUNDS}]{_HAN}{{2,5}}"
_GIVEN: Final = rf"(?:[ \u3000]{_HAN}[ \u3000]{_HAN}(?!{_HAN})|[ \u3000]?{_HAN}{{1,2}})"
_PERSON: Final = rf"{_NOT}(?:(?:{_DOUBLE}){_HAN}{{1,2}}|[{_SURNAMES}]{_GIVEN})"
_END: Final = rf"(?!{_HAN})"
_GOES_ON: Final = (
    rf"(?:{_END}|(?=今年|现年|家住|住在|电话|手机|来自|是(?:一|本|鼓|这|小|业)|[和及与]{_PERSON}))"
)
_MORE: Final = (
    rf"(?:[ \u3000、/和及与]{{1,2}}(?:{_PERSON}|{_FOREIGN})(?<![区路街村镇市县省州号]){_END}){{0,4}}"
)
_REPORTING: Final = "投诉|反映|举报|来电|来信|来访|诉求|申请|报案|求助"
_NAMED: Final = r"姓名|姓[ \u3000]{1,4}名|联系人|联络人|聯繫人|聯絡人|聯系人"
_FIELD: Final = (
    rf"{_NAMED}"
    rf"|(?:{_REPORTING})人"
)
_NO_NAME: Final = (
    "(?!姓名|实名|不详|保密|匿名|同上|无名|无此|物业|社区|居委|街道|业主|居民|群众|网友|市民|本人"
    "|电话|手机|见|如)"
)

# Each begins with one of few characters: by that the search skips the others, several times as fast.
_FIELD_NAMED: Final = re.compile(
    rf"((?:{_FIELD})[ \u3000]?[:：][\s:：]{{0,2}})"
    rf"(?:(?:{_FOREIGN}|{_PERSON}){_GOES_ON}{_MORE}|{_NO_NAME}{_HAN}{{2,6}}(?<![苑园区栋楼店]){_END})"
)
_CALLED: Final = re.compile(
    rf"((?:我叫|名(?<![店路街村厂区桥]名)叫|{_NAMED}|(?:{_REPORTING})人(?=[是为叫做:：\s])|名字(?:是|叫做?|为|[:：]))[是为叫做:：\s]{{0,2}})"
    rf"(?:(?:{_FOREIGN}|{_LONG}){_END}|{_PERSON}{_GOES_ON}{_MORE})"
)
_SIGNED: Final = re.compile(
    rf"((?:[署签]名|落款)[ \u3000]?[:：][\s:：]{{0,2}})(?:{_FOREIGN}|{_PERSON}){_GOES_ON}{_MORE}"
)
_LATIN: Final = re.compile(
    rf"((?:我叫|姓名|我的名字)(?:[是叫为:：]|[ \u3000]){{0,3}})(?=[A-Za-z .]{{4}})[A-Z]?[a-z]{{1,15}}"
    rf"(?:[ ·.-]?[A-Z]?[a-z]{{1,15}}){{0,3}}(?![A-Za-z0-9]|[ \u3000]?{_HAN})"
)
_REPORTS: Final = (
    "(?<![路街村镇市县省州号区店厂桥证房绝站])"
    "(?=反映|投诉|举报|来电|致电|求助|咨询|要求|请求|申请|家住|住在|电话|手机|身份证)"
)
_OTHER_WORDS: Final = "陆续|夏[天季]|胡同|程序|陈述|孙[子女]|毛[病坯]|范围|苏州|顾虑|谢谢|黄昏|杜绝|张贴"
_NO_PERSON: Final = f"(?!周[一二三四五六日天末边围]|{_OTHER_WORDS})"
_COMMON_PERSON: Final = rf"{_NO_PERSON}(?:(?:{_DOUBLE}){_HAN}{{1,2}}|[{_COMMON}]{_HAN}{{1,2}})"
_MYSELF: Final = re.compile(
    rf"(本(?<!{_HAN}本)人(?:叫|是)?)(?:{_COMMON_PERSON}(?:{_END}|{_REPORTS})|{_FOREIGN}{_END})"
)
_REPORTER: Final = re.compile(rf"((?:{_REPORTING})人){_COMMON_PERSON}(?:{_GOES_ON}|{_REPORTS})")
_SURNAMED: Final = re.compile(
    rf"((?:[我贵]|本人)姓)({_DOUBLE}|[{_SURNAMES}])[，, ]?(?:单名|名叫|名|叫)({_HAN}{{1,3}}){_END}"
)
_FIELD_ENDS: Final = (
    *("姓名", "姓 ", "姓\u3000", "系人", "络人", "繫人", "絡人"),
    *("诉人", "映人", "报人", "电人", "信人", "访人", "求人", "请人", "案人", "助人"),
)
ANNOUNCED: Final[tuple[tuple[tuple[str, ...], re.Pattern[str]], ...]] = (
    ((":", "："), _FIELD_NAMED),
    (("我叫", "名叫", "名字", *_FIELD_ENDS), _CALLED),
    (("署名", "签名", "落款"), _SIGNED),
    (_FIELD_ENDS[4:], _REPORTER),
    (("我叫", "姓名", "名字"), _LATIN),
    (("本人",), _MYSELF),
    (("姓",), _SURNAMED),
)
"""Each with the signs of which a text must have one: a look for those spares most texts with a `WORD` a search."""
INTRODUCED: Final = re.compile(
    rf"(我(?<!{_HAN}我)是)(?!董事|程序|周边|周围|林业|陈述|王府)(?:(?:{_DOUBLE}){_HAN}{{1,2}}"
    rf"|[{_COMMON}]{_HAN}{{1,2}})(?<![区路街村镇市县省州号店厂校院园])"
    rf"(?:{_END}|(?=家住|住在|电话|手机))"
)
"""我是…, looked for where these two characters stand: what follows is mostly no name."""
_EACH: Final = re.compile(rf"(?:{_FOREIGN}|{_PERSON}|{_LONG})(?=$|[ \u3000、/和及与])")
"""One of the names that stand behind an announcement."""


def announced(text: str) -> frozenset[str]:
    """Return the names that a plain text announces, so that they can be found where they stand without it; what has
    not the form of a name is left out.
    """
    found: set[str] = set()
    for pattern in (*(pattern for _, pattern in ANNOUNCED), INTRODUCED):
        for match in pattern.finditer(text):
            parts = match.groups()[1:]
            found.update(["".join(parts)] if parts else _EACH.findall(match[0].removeprefix(match[1])))
    return frozenset(found)
