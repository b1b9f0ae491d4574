"""Repeats: the same person with the same matter is linked to the earlier case, never dropped (R-PET-18).

Only who calls again is looked at: the words of two cases are compared when one person has both, so that most cases
cost no more than one look into an index, and nothing about a matter is stored beside the person.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from chassis.database import Connection
from reference.matcher import Triage
from schemas.intake import CaseSubmitted, EndAbandoned, SubmitCase, WithdrawCase
from schemas.jurisdiction import Jurisdiction
from schemas.message import Actor, Command
from services.intake.links import standing
from services.intake.obstacles import obstructed

WINDOW: Final = timedelta(days=365)
"""How far back an earlier case counts (DES), in calendar days."""
MOST_EARLIER: Final = 20
"""How many of a person's latest cases are compared."""

EARLIER: Final = (
    "SELECT u.n, i.case_id, l.data->>'title', l.data->>'text', l.data->>'matter', l.data->>'track',"
    " l.data->'place'->>'grid', f.subjects || first.subjects,"
    " coalesce((a.state->>'closed')::boolean, (a.state->>'withdrawn')::boolean, false),"
    " coalesce((a.state->>'withdrawn')::boolean, false), a.state->>'linked_to' IS NOT NULL,"
    " a.seen->>'router' IS NOT NULL"
    " FROM unnest($1::int[], $2::bytea[], $3::timestamptz[]) AS u(n, digest, since)"
    " CROSS JOIN LATERAL (SELECT p.case_id, p.received_at FROM intake.person_index p"
    " WHERE p.digest = u.digest AND p.received_at >= u.since"
    f" ORDER BY p.received_at DESC LIMIT {MOST_EARLIER}) AS i"
    " CROSS JOIN LATERAL (SELECT data FROM chassis.event_log"
    " WHERE case_id = i.case_id AND source = 'intake' AND sequence = 1 LIMIT 1) AS l"
    " CROSS JOIN LATERAL (SELECT subjects FROM intake.case_file WHERE case_id = i.case_id LIMIT 1) AS f"
    " CROSS JOIN LATERAL (SELECT state, seen FROM intake.aggregate WHERE case_id = i.case_id LIMIT 1) AS a"
    " LEFT JOIN LATERAL (SELECT subjects FROM intake.case_file"
    " WHERE case_id = (a.state->>'linked_to')::uuid LIMIT 1) AS first ON true"
    " ORDER BY u.n, i.received_at DESC"
)
"""Each LIMIT keeps the planner to the index. Of tables that were not yet analysed it thinks that a person has many
cases, and would read them whole for every batch of a system in its first minutes."""
_AT_LINE: Final = (
    "SELECT c.case_id FROM unnest($1::uuid[]) AS c(case_id)"
    " LEFT JOIN LATERAL (SELECT t.status, t.at FROM intake.timeline t WHERE t.case_id = c.case_id"
    " AND t.status IS NOT NULL ORDER BY t.entry DESC LIMIT 1) AS heard ON true"
    " WHERE heard.status = 'emergency' OR EXISTS (SELECT FROM chassis.event_log l"
    " WHERE l.case_id = c.case_id AND l.source = 'intake' AND l.data -> 'emergency' IS NOT NULL"
    " AND (heard.at IS NULL OR l.time > heard.at))"
)
"""Those of some cases that an emergency line has, or will have once the router reads what was said (R-HOT-13)."""
_URGING: Final = re.compile(
    "又来反映|(?:再次|重复|多次)反映|(?:修|处理|办|弄)得怎么样了?|怎么样了?|[怎为]什?么还|什么时候|多久|[还仍]是|依然|仍然|一直"
    "|到现在|至今|(?:没人|没有?)(?:来|去)?(?:人)?(?:修|管|处理|解决|理)|[来去]?(?:修|处理|解决|办)[吗没]|修得|进度|进展|答复"
    "|回复|催(?:一下|办|促)?|尽快|赶紧|快点|请问?|问一下|[吗呢吧啊了还又再的也都就]"
    "|[一二三四五六七八九十两几多0-9]+(?:天|个?月|周|年|小时)"
)
"""Words that urge, or ask how far it is; they are no new facts."""
_NOT_ALNUM: Final = re.compile(r"[\W_]+")


class Said(NamedTuple):
    """The words of a case, masked, what staff or the resident chose, and where it lies."""

    case_id: UUID
    title: str
    text: str
    matter: str | None
    track: str | None
    grid: str | None
    subjects: frozenset[str]
    """Whom it is known to complain of: named by staff, found by the router, or inherited (R-LAD-04)."""
    has_ended: bool = False
    is_withdrawn: bool = False
    is_linked: bool = False
    is_heard: bool = False
    """Whether the router has said whom it complains of."""

    def may_be(self, earlier: "Said") -> bool:
        """Whether both can be one: a petition is no service order, nothing about a unit goes to that unit, what
        lies elsewhere is another matter, and what was taken back has neither progress nor result to tell. Who has
        complained of a unit need not name it again."""
        same = self.track == earlier.track and self.subjects <= earlier.subjects and self.grid == earlier.grid
        return same and not earlier.is_withdrawn

    def is_same(self, earlier: "Said") -> bool:
        """Whether nothing is new: no word but of urging, and the earlier case is still being handled (R-HOT-03)."""
        same = words_of(self.title, self.text) == words_of(earlier.title, earlier.text)
        return not earlier.has_ended and (same or adds_nothing(self, earlier))


class Repeats:
    """Completes submissions with the earlier case. `window` is how far back it may lie."""

    def __init__(self, triage: Triage, jurisdiction: Jurisdiction, window: timedelta = WINDOW) -> None:
        self._triage = triage
        self._jurisdiction = jurisdiction
        self._window = window

    async def enrich(
        self, connection: Connection, commands: Sequence[tuple[UUID, Command]]
    ) -> Sequence[Command]:
        """Link each submission of a batch, and say of withdrawals whether a linked report stands, or a line has it.

        A case that is stored already goes before one of the same batch, which is not yet sure to be taken.
        """
        commands = await obstructed(connection, commands)
        stored = await self._stored(connection, commands)
        withdrawn = [
            case_id for case_id, command in commands if isinstance(command, WithdrawCase | EndAbandoned)
        ]
        stands = await standing(connection, withdrawn)
        line_has = await at_line(connection, withdrawn)
        fresh: dict[bytes, list[Said]] = defaultdict(list)
        completed: list[Command] = []
        for place, (case_id, command) in enumerate(commands):
            if isinstance(command, WithdrawCase | EndAbandoned):
                found = {"stands": case_id in stands, "at_line": case_id in line_has}
                completed.append(command.model_copy(update=found))
                continue
            if not isinstance(command, SubmitCase):
                completed.append(command)
                continue
            said = _said(case_id, command.case)
            persons = command.filing.persons
            earlier = [*stored.get(place, ()), *(case for digest in persons for case in fresh[digest])]
            known = [case for case in earlier if not self._is_kept_from(command.case.by, case)]
            linked = command if command.joins else self._linked(command, said, known)
            completed.append(linked)
            for digest in persons:
                fresh[digest].append(said if linked is command else _said(case_id, linked.case))
        return completed

    async def _stored(
        self, connection: Connection, commands: Sequence[tuple[UUID, Command]]
    ) -> dict[int, list[Said]]:
        """Return the person's stored cases for each command that has some, newest first, by place in the batch."""
        asked = [
            (place, digest, command.case.received_at - self._window)
            for place, (_, command) in enumerate(commands)
            if isinstance(command, SubmitCase)
            for digest in command.filing.persons
        ]
        if not asked:
            return {}
        rows = await connection.fetch(EARLIER, *([entry[part] for entry in asked] for part in range(3)))
        found: dict[int, list[Said]] = defaultdict(list)
        for row in rows:  # a plain UUID, not the driver's
            title, text, matter, track, grid, subjects, *stands = row[2:]
            case_id, complained_of = UUID(bytes=row[1].bytes), frozenset(subjects or ())
            found[row[0]].append(Said(case_id, title, text, matter, track, grid, complained_of, *stands))
        return found

    def _is_kept_from(self, by: Actor | None, earlier: Said) -> bool:
        """R-HOT-14: staff of a unit complained of would learn, by naming a person, that it was that person."""
        unit = by.unit if by is not None else None
        if unit is None:
            return False
        return any(self._jurisdiction.controls(subject, unit) for subject in earlier.subjects)

    def _linked(self, command: SubmitCase, said: Said, earlier: Sequence[Said]) -> SubmitCase:
        """Return the submission with its link, with what is known of new facts, and with all whom the person's
        reports of the matter complain of (R-LAD-04, R-HOT-14)."""
        stated = command.new_facts
        others = [case for case in earlier if case.case_id != said.case_id]
        topic = self._topic(said) if others else ""
        same = [case for case in others if self._topic(case) == topic]
        firsts = [case for case in same if not case.is_linked]  # a further one is not linked to a link
        if not firsts:
            linked = command if stated in (None, True) else _with(command, new_facts=False)
        else:
            told = next((case for case in firsts if said.may_be(case) and said.is_same(case)), None)
            first = told or firsts[0]
            is_new = told is None if stated is None else stated
            linked = _with(command, repeat_of=first.case_id, new_facts=is_new or not said.may_be(first))
        inherited = frozenset[str]().union(*(self._complained_of(case, topic) for case in same))
        if not inherited:
            return linked
        own = command.case.subjects  # the router reads no words beside subjects: so they are read here
        return _with(
            linked, subjects=(*own, *sorted((inherited | self._complained_of(said, topic)) - {*own}))
        )

    def _complained_of(self, said: Said, topic: str) -> frozenset[str]:
        """R-LAD-04: until the router has read a report, whom its words accuse is read here, as there: not where
        staff named somebody, nor in sealed matter."""
        matter = self._jurisdiction.matters.get(topic)
        if said.is_heard or said.subjects or (matter is not None and matter.sealed):
            return said.subjects
        return frozenset(self._triage.accused(said.title, said.text))

    def _topic(self, said: Said) -> str:
        """R-PET-18: the matter that staff named, else the likeliest one, else the words themselves."""
        if said.matter is not None:
            return said.matter
        candidates = self._triage.match(said.title, said.text).candidates
        return candidates[0].matter if candidates else words_of(said.title, said.text)


async def at_line(connection: Connection, withdrawn: Sequence[UUID]) -> set[UUID]:
    """Return those of the cases that an emergency line has, or will have."""
    if not withdrawn:
        return set()
    return {UUID(bytes=row[0].bytes) for row in await connection.fetch(_AT_LINE, withdrawn)}


def words_of(title: str, text: str) -> str:
    """Return the words alone, blind to width, case, spaces and punctuation (R-HOT-03)."""
    return unicodedata.normalize("NFKC", _NOT_ALNUM.sub("", f"{title}\n{text}")).casefold()


def adds_nothing(said: Said, before: Said) -> bool:
    """Whether each pair of characters stood in the earlier words, but for what only urges or asks how far it is.

    One new pair is a new fact: one that is missed is worse than a second order.
    """
    told = _pairs(before, urges=True) | _pairs(before, urges=False)
    return _pairs(said, urges=False) <= told


def _pairs(said: Said, *, urges: bool) -> set[str]:
    """Return all pairs of characters that stand side by side, with the words that urge or without."""
    parts = _NOT_ALNUM.split(unicodedata.normalize("NFKC", f"{said.title}\n{said.text}").casefold())
    if not urges:
        parts = [_URGING.sub("", part) for part in parts]
    return {part[place : place + 2] for part in parts for place in range(len(part) - 1)}


def _said(case_id: UUID, case: CaseSubmitted) -> Said:
    """A case of this batch, as it is taken in."""
    return Said(
        case_id,
        case.title,
        case.text,
        case.matter,
        case.track,
        case.place.grid,
        frozenset(case.subjects),
        is_linked=case.linked_to is not None,
    )


def _with(command: SubmitCase, **update: object) -> SubmitCase:
    return command.model_copy(update={"case": command.case.model_copy(update=update)})
