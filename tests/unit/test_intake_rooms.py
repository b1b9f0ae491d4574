"""R-PRIV-01: the door of a home is taken out of a resident's words, and nothing else is."""

import pytest

from chassis.masking import mask
from services.intake.rooms import without_rooms


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("秋岭公寓3幢1单元602室", "秋岭公寓3幢1单元〔房号〕"),
        ("我住秋岭公寓3幢1单元602，楼道灯不亮", "我住秋岭公寓3幢1单元〔房号〕，楼道灯不亮"),
        ("秋岭公寓3幢602房漏水", "秋岭公寓3幢〔房号〕漏水"),
        ("3号楼 1203室", "3号楼 〔房号〕"),
        ("7栋1005号业主", "7栋〔房号〕业主"),
        ("A座B1502室", "A座〔房号〕"),
        ("３幢６０２室", "３幢〔房号〕"),
        ("三幢六零二室", "三幢〔房号〕"),
        ("3幢二单元五零一", "3幢二单元〔房号〕"),
        ("3#602", "3#〔房号〕"),
        ("秋岭公寓3-1-602", "秋岭公寓3-1-〔房号〕"),
        ("秋岭公寓3幢-1单元-602", "秋岭公寓3幢-1单元-〔房号〕"),
        ("王家巷8号602室", "王家巷8号〔房号〕"),
        ("秋岭公寓602室", "秋岭公寓〔房号〕"),
        ("3栋5楼02室", "3栋5楼〔房号〕"),
        ("3号楼1单元五层502", "3号楼1单元五层〔房号〕"),
        ("3幢第502号房", "3幢〔房号〕"),
        ("三号楼五百零二室，3栋十二楼1203", "三号楼〔房号〕，3栋十二楼〔房号〕"),
        ("3幢1单元602室漏到502室", "3幢1单元〔房号〕漏到502室"),
    ],
)
def test_the_room_of_a_building_is_taken_out(written: str, kept: str) -> None:
    """R-PRIV-01, R-LAD-01: the building stays, for its group is who handles it; twice is as once."""
    assert without_rooms(written) == kept
    assert without_rooms(kept) == mask(kept) == kept


@pytest.mark.parametrize(
    "written",
    [
        "楼上502室漏水",
        "3幢120户居民停水",
        "3栋1203户",
        "3栋5楼120户",
        "3栋5楼2室1厅",
        "3幢一百二十号人聚集",
        "3幢二百五十房间，3幢2层10室以上",
        "3幢一二三单元停水",
        "2单元三四五楼漏水",
        "2单元三四五层漏水",
        "2号楼2024年加装电梯",
        "2单元3000元物业费",
        "3号楼100多人联名",
        "3幢101.5平米",
        "工单#1234",
        "12-1-2026到期",
        "2026-12-01",
        "85-90-120平的户型",
        "解放路128号",
        "秋岭公寓3幢",
        "民主路8号院2号楼3单元",
    ],
)
def test_what_is_no_door_stays(written: str) -> None:
    """Counts, years, money, roads, and a room that nobody can tell the building of."""
    assert without_rooms(written) == written
