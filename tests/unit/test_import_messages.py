"""Reading a messages file: every broken row is named by its line, and spoils no other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import pytest
from rich.console import Console

from services.cli.import_messages import Tally, case_of, report
from services.cli.message_file import Fault, Message, read_messages

HEADER = "message_id,sender,received_at,title,body,agree,disagree\n"


def rows_of(tmp_path: Path, text: str | bytes) -> list[Message | Fault]:
    """Write a file and read it."""
    path = tmp_path / "messages.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(read_messages(path))


def test_reads_rows_with_line_breaks_and_quotation_marks(tmp_path: Path) -> None:
    [first, second] = rows_of(
        tmp_path,
        HEADER
        + '1,A1,2019-02-28T11:25:05+08:00,标题,"第一行\n第二行 ""引""",0,0\n2,A2,2019-03-01T08:00:00,题,文,0,0\n',
    )
    assert isinstance(first, Message)
    assert (first.line, first.body) == (2, '第一行\n第二行 "引"')
    assert isinstance(second, Message)
    assert second.line == 4
    assert second.received_at.isoformat() == "2019-03-01T08:00:00+08:00"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,A1,2019-02-28T11:25:05+08:00,标题", "4 fields, the header has 7"),
        ("1,A1,28.2.2019,标题,文,0,0", "received_at '28.2.2019' is not a time like"),
        (",A1,2019-02-28T11:25:05+08:00,标题,文,0,0", "message_id is empty"),
    ],
)
def test_names_the_line_of_a_broken_row_and_goes_on(tmp_path: Path, row: str, reason: str) -> None:
    broken, good = rows_of(tmp_path, HEADER + row + "\n2,A2,2019-03-01T08:00:00+08:00,题,文,0,0\n")
    assert isinstance(broken, Fault)
    assert str(broken).startswith(f"line 2: {reason}")
    assert isinstance(good, Message)


def test_names_the_line_that_is_not_utf8(tmp_path: Path) -> None:
    row = "1,A1,2019-02-28T11:25:05+08:00,标题,正文,0,0\n"
    good, broken = rows_of(tmp_path, (HEADER + row).encode() + row.encode("gbk"))
    assert isinstance(good, Message)
    assert isinstance(broken, Fault)
    assert str(broken).startswith("line 3: not valid UTF-8")


def test_refuses_a_file_without_the_columns(tmp_path: Path) -> None:
    with pytest.raises(
        click.ClickException, match=r"line 1: the columns title, body must stand in the header"
    ):
        rows_of(tmp_path, "message_id,sender,received_at\n")


def test_refuses_a_file_with_a_column_twice(tmp_path: Path) -> None:
    with pytest.raises(
        click.ClickException, match="line 1: the column body stands in the header more than once"
    ):
        rows_of(tmp_path, "message_id,sender,received_at,title,body,body\n")


def test_draws_the_same_grid_for_the_same_message_and_says_that_it_is_drawn(tmp_path: Path) -> None:
    [message] = rows_of(tmp_path, HEADER + "7,A1,2019-02-28T11:25:05+08:00,标题,文,0,0\n")
    assert isinstance(message, Message)
    grids = [f"GL{number:06}" for number in range(50)]
    case = case_of(message, grids, "d")
    assert case == case_of(message, grids, "d")
    assert case["place"]["source"] == "sampled"
    assert case["place"]["grid"] in grids


def test_a_missing_quotation_mark_tells_which_lines_it_took_with_it(tmp_path: Path) -> None:
    """Rows that were swallowed are not among those read, so the fault must name them."""
    good = "GL1,R1,2026-03-02T07:41:00+08:00,t,b,0,0\n"
    [first, swallowed] = rows_of(tmp_path, HEADER + good + good.replace(",t,", ',"t,') + good * 3)
    assert isinstance(first, Message)
    assert isinstance(swallowed, Fault)
    assert swallowed.line == 3
    assert swallowed.reason.endswith("(lines 3 to 6 were read as this one row)")
    endless = HEADER + good.replace(",t,", ',"t,') + good * 5000
    faults = [row for row in rows_of(tmp_path, endless) if isinstance(row, Fault)]
    assert faults[0].line == 2
    assert "lines 2 to " in faults[0].reason


def test_the_levels_add_up_to_the_cases_with_a_unit(tmp_path: Path) -> None:
    """A case that never entered the ladder stands among the levels, too, by what became of it."""
    [message] = rows_of(tmp_path, HEADER + "7,A1,2019-02-28T11:25:05+08:00,标题,文,0,0\n")
    assert isinstance(message, Message)
    view = {"unit": "GL-HOTLINE", "unit_name": "热线", "exit": None, "queue_reason": None, "track": "S"}
    views: dict[UUID, Mapping[str, Any]] = {
        UUID(int=1): view | {"rung": 3, "status": "SIGNED"},
        UUID(int=2): view | {"rung": None, "status": "LINKED_DUP"},
    }
    console = Console(record=True, width=120)
    assert report(console, Tally(accepted=dict.fromkeys(views, message), views=views), 2)
    shown = console.export_text()
    assert "L3 street 街道" in shown
    assert "none: LINKED_DUP" in shown
    assert "2 cases accepted: 2 with a responsible unit" in shown


def test_a_repeated_id_is_taken_once_and_named(tmp_path: Path) -> None:
    """A second case of one message would be counted twice; its line and the first one's are told."""
    row = "GL1,R1,2026-03-02T07:41:00+08:00,t,b,0,0\n"
    first, repeated, other = rows_of(
        tmp_path, HEADER + row + row.replace(",t,", ",u,") + row.replace("GL1", "GL2")
    )
    assert isinstance(first, Message)
    assert isinstance(other, Message)
    assert str(repeated) == "line 3: message_id 'GL1' stands on line 2 already; that one is taken"
