"""Measure triage on labelled messages: `python -m reference.evaluate_triage PATH [--messages PATH]`.

PATH is a CSV with the columns form, text, label; only form `raw` has a title (the first line of its text). The
seven labels are coarser than, and cut across, the twelve heads, so a label stands for the heads and single matters
that the published three-level list (column level1) puts under it.
"""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import click
from rich.console import Console
from rich.table import Table

from reference.load import load
from reference.matcher import Match, Matcher, Triage

THRESHOLDS: Final = (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)
LABELS: Final[Mapping[str, frozenset[str]]] = {
    "城乡建设": frozenset(
        (
            *("municipal", "utilities", "order", "property", "neighbour", "land", "environment.dust"),
            *("traffic.bus", "traffic.illegal-parking", "labour.wages", "labour.social-insurance"),
        )
    ),  # the list puts buses, underground, owed building wages and the housing fund here
    "环境保护": frozenset(
        ("environment", "order", "neighbour.noise", "neighbour.light", "municipal.flooding")
    ),
    "交通运输": frozenset(("traffic", "municipal.road", "municipal.streetlight")),
    "教育文体": frozenset(
        ("livelihood.schooling", "neighbour.noise", "labour.wages", "labour.social-insurance")
    ),
    "劳动和社会保障": frozenset(
        ("labour", "livelihood.medical-insurance", "livelihood.allowance", "livelihood.elderly")
    ),
    "商贸旅游": frozenset(
        ("livelihood.consumer", "order.occupation", "utilities.billing", "traffic.taxi", "property.service")
    ),  # lifts are inspected as special equipment
    "卫生计生": frozenset(
        ("livelihood.medical-dispute", "livelihood.medical-insurance", "livelihood.consumer")
    ),  # food and drugs
}
"""Heads, or single matters, that agree with each label."""
NO_TOPIC: Final = "government"
"""This head tells how somebody behaved, not about what; no label can agree or disagree with it."""


class Row(NamedTuple):
    """The figures at one threshold; `agreed` of `compared` routed messages have a head that fits their label."""

    threshold: float
    routed: int
    total: int
    agreed: int
    compared: int


def agrees(matter: str, label: str) -> bool:
    """Whether a matter's head, or the matter itself, stands under the label. Raises `KeyError`: unknown label."""
    return not LABELS[label].isdisjoint((matter, matter.partition(".")[0]))


def read_labelled(path: Path) -> list[tuple[str, str, str]]:
    """Read (title, text, label) of the raw rows."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["form"] == "raw"]
    return [(*_split(row["text"]), row["label"]) for row in rows]


def evaluate(triage: Triage, messages: Iterable[tuple[str, str, str]]) -> list[Row]:
    """Measure coverage and agreement at each of `THRESHOLDS`."""
    found = [(triage.match(title, text), label) for title, text, label in messages]
    return [_row(threshold, found) for threshold in THRESHOLDS]


def _split(text: str) -> tuple[str, str]:
    title, _, body = text.partition("\n")
    return title, body


def _row(threshold: float, found: list[tuple[Match, str]]) -> Row:
    routed = [(match.candidates[0].matter, label) for match, label in found if match.confidence >= threshold]
    compared = [(matter, label) for matter, label in routed if not matter.startswith(NO_TOPIC)]
    agreed = sum(agrees(matter, label) for matter, label in compared)
    return Row(threshold, len(routed), len(found), agreed, len(compared))


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


@click.command()
@click.argument("labelled", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--messages", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Unlabelled messages."
)
@click.option("--jurisdiction", default=Path("reference/gulou"), type=click.Path(exists=True, path_type=Path))
def main(labelled: Path, messages: Path | None, jurisdiction: Path) -> None:
    """Print the share of messages routed without a human, and how many of those agree with their label."""
    matcher = Matcher(load(jurisdiction))
    rows = evaluate(matcher, read_labelled(labelled))
    table = Table(
        "threshold",
        "routed",
        "to a human",
        "agreed at head level",
        title=f"{rows[0].total} labelled messages",
    )
    for row in rows:
        routed = _share(row.routed, row.total)
        left = _share(row.total - row.routed, row.total)
        table.add_row(
            f"{row.threshold:.2f}", routed, left, f"{_share(row.agreed, row.compared)} of {row.compared}"
        )
    console = Console()
    console.print(table)
    if messages:
        console.print(_coverage(matcher, messages))


def _coverage(matcher: Matcher, path: Path) -> Table:
    with path.open(encoding="utf-8", newline="") as lines:
        texts = [(row["title"], row["body"]) for row in csv.DictReader(lines)]
    sure = [matcher.match(title, text).confidence for title, text in texts]
    alarms = sum(matcher.emergency(title, text) is not None for title, text in texts)
    table = Table("threshold", "routed", "to a human", title=f"{len(texts)} messages, {alarms} alarms")
    for threshold in THRESHOLDS:
        routed = sum(confidence >= threshold for confidence in sure)
        table.add_row(f"{threshold:.2f}", _share(routed, len(texts)), _share(len(texts) - routed, len(texts)))
    return table


if __name__ == "__main__":
    main()
