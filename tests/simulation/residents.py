"""What residents do: submit, add facts, withdraw, choose another track. Random, but the same for the same seed."""

import csv
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple
from uuid import UUID

from schemas.intake import CaseSubmitted, Filing, SubmitCase, SupplementCase, WithdrawCase
from schemas.jurisdiction import Jurisdiction, Rung
from schemas.message import Actor, Command
from schemas.router import ChooseTrack
from schemas.values import Channel, Emergency, OnSiteResolution, Place, PlaceSource, RequestKind

OPERATOR: Final = Actor(subject="operator", role="operator", unit="GL-HOTLINE")
_DANGER: Final = Emergency(line="119", ground="着火")
_SHOWN_BY_WORDS: Final = 0.35
"""The share of submissions for which nobody named a matter: the words are all there is."""


class Step(NamedTuple):
    """A command that somebody sends to a service at an instant."""

    at: datetime
    service: str
    case_id: UUID
    command: Command


class Residents:
    """The residents of a jurisdiction."""

    def __init__(self, jurisdiction: Jurisdiction, folder: Path) -> None:
        self._units = units = jurisdiction.units
        self._grids = [code for code, unit in units.items() if unit.rung is Rung.GRID]
        self._accused = [
            code for code, unit in units.items() if unit.rung in {None, Rung.STREET, Rung.COMMUNITY}
        ]
        self._matters = list(jurisdiction.matters)
        with (folder / "messages.csv").open(encoding="utf-8", newline="") as file:
            self._texts = [(row["title"], row["body"]) for row in csv.DictReader(file)]

    def lives(self, cases: int, start: datetime, days: int, rng: Random) -> Iterator[Step]:
        """What the residents of `cases` cases do, each within its first months; submitted in the first half."""
        earlier: list[UUID] = []
        for _ in range(cases):
            case_id = UUID(int=rng.getrandbits(128), version=4)
            at = start + timedelta(seconds=rng.uniform(0, days * 43_200))
            submitted = self._submitted(at, earlier, rng)
            yield Step(at, "intake", case_id, submitted)
            earlier.append(case_id)
            yield from self._later(case_id, submitted.filing.unit, at, rng)

    def _submitted(self, at: datetime, earlier: Sequence[UUID], rng: Random) -> SubmitCase:
        title, text = rng.choice(self._texts)
        grid = rng.choice(self._grids)
        channel = rng.choice(list(Channel))
        given: dict[str, Any] = {
            "channel": channel,
            "received_at": at,
            "title": title,
            "text": text,
            "place": Place(source=PlaceSource.UNIT, grid=grid if rng.random() < 0.98 else None),
            "kind": rng.choice(list(RequestKind)),
            "matter": None if rng.random() < _SHOWN_BY_WORDS else rng.choice(self._matters),
            "parties": self._parties(grid, rng),
            "confidential": rng.random() < 0.03,
        }
        if rng.random() < 0.05:
            given["subjects"] = (rng.choice(self._accused),)
        if rng.random() < 0.04:
            given["households"] = rng.choice((5, 40, 300))
        if rng.random() < 0.06:
            given["track"] = rng.choice("MPL")
        if rng.random() < 0.02:
            given["emergency"] = _DANGER
        if rng.random() < 0.04 and earlier:
            given |= {"repeat_of": rng.choice(earlier), "new_facts": rng.random() < 0.5}
        if channel is Channel.GRID and rng.random() < 0.3:
            given["resolved"] = OnSiteResolution(unit=grid, measure="已当场劝解", resolved_at=at)
        return SubmitCase(case=CaseSubmitted(**given), filing=Filing(unit=grid, code_digest=b""))

    def _parties(self, grid: str, rng: Random) -> tuple[str, ...]:
        """Mostly neighbours; sometimes somebody of another street."""
        if rng.random() < 0.6:
            return ()
        near = [code for code in self._grids if code[:6] == grid[:6]]
        return (rng.choice(near if rng.random() < 0.85 else self._grids),)

    def _accusation(self, grid: str, rng: Random) -> str:
        """Of whoever may have the case: the community or street of the place, or any other unit."""
        accused = rng.choice((grid[:6], grid[:6], grid[:4], rng.choice(self._accused)))
        return f"{self._units[accused].name}的工作人员收了对方的钱，推诿扯皮"

    def _later(self, case_id: UUID, grid: str, at: datetime, rng: Random) -> Iterator[Step]:
        def some_day(days: float) -> datetime:
            return at + timedelta(days=rng.expovariate(1 / days))

        if rng.random() < 0.08:
            yield Step(some_day(5), "intake", case_id, SupplementCase(text="又发生了一次"))
        if rng.random() < 0.006:
            danger = SupplementCase(text="着火了", emergency=_DANGER)
            yield Step(some_day(10), "intake", case_id, danger)
        if rng.random() < 0.08:
            yield Step(some_day(2), "intake", case_id, SupplementCase(text=self._accusation(grid, rng)))
        if rng.random() < 0.03:
            yield Step(some_day(15), "intake", case_id, WithdrawCase())
        for share, days in ((0.07, 12), (0.02, 60)):
            if rng.random() < share:
                choice = ChooseTrack(actor=OPERATOR, track=rng.choice("SMPL"))
                yield Step(some_day(days), "router", case_id, choice)
