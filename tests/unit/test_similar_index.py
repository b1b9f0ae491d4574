"""The index of recent cases: what it finds from two characters on, and in which order."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest

from reference.areas import GridIndex
from reference.gazetteer import Gazetteer
from reference.load import load
from services.intake.check import Surroundings
from services.intake.grams import keys_of, pairs
from services.intake.similar.follow import entry_of
from services.intake.similar.index import SEGMENT, Around, Entry, Index, Wanted
from services.intake.similar.spots import Spots
from tests.intake_kit import GRID, GULOU

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HERE = Around(1, frozenset({2}), (0.0, 0.0))


def entry(
    number: int, title: str, text: str = "", days: float = 0.0, unit: int = 1, east: float = 0.0
) -> Entry:
    return Entry(UUID(int=number), title, text, NOW - timedelta(days=days), unit, (east, 0.0))


def found(index: Index, text: str, around: Around | None = None, most: int = 60) -> list[int]:
    """Return the numbers of the cases found, best first."""
    return [hit.case_id.int for hit in index.search(Wanted(text, NOW, around, None, most))]


CASES = [
    entry(1, "楼道路灯不亮", "三单元路灯坏了半个月"),
    entry(2, "小区停水", "昨晚开始停水，水压一直不足"),
    entry(3, "垃圾堆积", "垃圾没人清运，路灯下面堆成山"),
    entry(4, "ＷＩＦＩ信号差", "5G 基站"),
]


@pytest.fixture
def index() -> Index:
    made = Index()
    made.add(CASES)
    return made


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("路灯", [1, 3]),
        ("停水", [2]),
        ("路灯坏了", [1]),
        ("我们小区停水了", [2]),
        ("wifi", [4]),
        ("路 灯", []),
        ("灯", []),
        ("", []),
        ("。，！？ \n\x00", []),
        ("'; DELETE --", []),
        ("火灾", []),
    ],
)
def test_two_characters_are_enough(index: Index, typed: str, expected: list[int]) -> None:
    """R-HOT-02: title before text; what is no word, an injection or empty finds nothing."""
    assert found(index, typed) == expected


def test_a_long_story_finds_its_case(index: Index) -> None:
    """R-HOT-02: not every word of it need be there."""
    told = "你好，我想反映一下，" + "我们这里" * 30 + "楼道路灯不亮，三单元路灯坏了半个月，" + "谢谢你们" * 30
    assert found(index, told)[0] == 1
    assert found(index, "𠀀" * 5000 + "路灯不亮" * 1000)[:1] == [1]


def test_nearer_and_newer_goes_first() -> None:
    """R-HOT-06: same grid, then one that borders on it, then by distance; far away is not shown; age halves."""
    index = Index()
    words = "井盖丢失"
    far, close, border, same, old = (
        entry(1, words, unit=9, east=5000),
        entry(2, words, unit=9, east=200),
        entry(3, words, unit=2, east=3000),
        entry(4, words, unit=1, east=3000),
        entry(5, words, unit=1, days=60),
    )
    nowhere = Entry(UUID(int=6), words, "", NOW, 0, None)
    index.add([old, far, nowhere, close, border, same])
    assert found(index, "井盖", HERE) == [4, 2, 3, 6, 5]
    assert set(found(index, "井盖")) == {1, 2, 3, 4, 5, 6}


def test_only_the_callers_units_are_looked_at(index: Index) -> None:
    """R-HOT-14: a unit's own operator finds nothing of another's."""
    index.add([entry(7, "路灯不亮", unit=2)])
    units = np.array([False, False, True])
    hits = index.search(Wanted("路灯", NOW, None, units))
    assert [hit.case_id.int for hit in hits] == [7]


def test_parts_are_put_together_and_the_oldest_go() -> None:
    """Bounded memory: small parts merge, a finished segment that holds the oldest cases leaves when it is full."""
    index = Index(most=3 * SEGMENT)
    size = SEGMENT // 8
    for part in range(40):
        index.add([entry(part * size + n, f"标题{part}号楼", "漏水", days=40 - part) for n in range(size)])
    assert len(index) <= 3 * SEGMENT
    newest = set(found(index, "标题39号楼漏水", most=size))
    assert newest == set(range(39 * size, 40 * size))
    assert 0 not in found(index, "标题0号楼漏水", most=50_000)


def test_pairs_do_not_reach_over_marks_or_texts() -> None:
    keys, numbers = pairs(["路灯，坏", "水管", "", "Ａb_c"])
    assert "".join(chr(key >> 16) + chr(key & 0xFFFF) for key in keys.tolist()) == "路灯水管ab"
    assert list(numbers) == [0, 1, 3]
    assert len(keys_of("停水停水")) == 2


@pytest.fixture(scope="module")
def spots() -> Spots:
    jurisdiction = load(GULOU)
    return Spots(Surroundings.of(jurisdiction, GridIndex.load(GULOU)), Gazetteer.load(GULOU))


def test_a_place_is_read_as_operators_write_it(spots: Spots) -> None:
    """R-HOT-04: a code, a point, an address; what leads nowhere is no error while somebody types."""
    by_code = spots.read(GRID)
    assert by_code is not None
    assert by_code[0] == GRID
    assert spots.number(GRID) == by_code[1].unit
    assert by_code[1].unit not in by_code[1].neighbours
    assert by_code[1].neighbours
    building = spots.read("GL01010103")
    assert building is not None
    assert building[0] == GRID
    point = spots.read(" 117.1525，34.2645 ")
    assert point is not None
    assert (spots.read("秋岭公寓3幢") or ("",))[0].startswith("GL")
    for nowhere in ("", "  ", "0,0", "999,999", "没有这条路", "GL", "'; --", "1" * 500):
        assert spots.read(nowhere) is None


def test_a_confidential_case_is_not_indexed(spots: Spots) -> None:
    """R-HOT-14: its words are for the responsible unit alone; a place without a grid counts as the district's."""
    said = {
        "title": "t",
        "text": "x",
        "place": {"source": "unknown"},
        "received_at": "2026-03-02T09:30:00+08:00",
    }
    made = entry_of(UUID(int=1), said, spots)
    assert made is not None
    assert (made.unit, made.metres) == (spots.number("GL"), None)
    assert entry_of(UUID(int=1), said | {"confidential": True}, spots) is None
