"""Writes what a batch of events means for notify's tables, in the transaction that stores the stream position.

Who reported a case and can be reached, whom a case is kept from, and what is to be told. An item of a unit's inbox
is delivered by this; the rest is queued.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from pydantic import create_model

from chassis.database import Connection, insert
from chassis.service import Change, Project
from schemas.catalogue import EVENTS
from schemas.envelope import Envelope
from schemas.intake import CaseSubmitted, CaseWithdrawn, PersonErased, handled_for
from schemas.jurisdiction import Jurisdiction
from schemas.message import Event
from schemas.petition import PetitionSealed, PetitionSubjectsNamed
from schemas.router import EVENTS as ROUTER_EVENTS
from schemas.router import (
    CaseAnswered,
    CaseDispatched,
    CaseLinked,
    CaseRedirected,
    CaseUnlinked,
    Disposition,
    EmergencyTransferred,
    HelpersRecused,
    Registration,
    SettledOnSite,
    TriagedBy,
    TriageQueued,
)
from schemas.values import Reach
from services.notify.domain import Channel, NoState, Notices, Planned, Planner, Reporter
from services.notify.queue import cancel, enqueue

KEPT: Final[tuple[type[Event], ...]] = (
    CaseSubmitted,
    CaseWithdrawn,
    CaseLinked,
    CaseUnlinked,
    PersonErased,
    PetitionSealed,
    PetitionSubjectsNamed,
    TriageQueued,
    CaseAnswered,
    CaseRedirected,
    EmergencyTransferred,
    CaseDispatched,
    SettledOnSite,
    HelpersRecused,
)
"""What notify must hear of, whatever the table tells of."""
_DISPOSITIONS: Final = frozenset(event.type for event in ROUTER_EVENTS if issubclass(event, Disposition))
_FREQUENT: Final[tuple[type[Event], ...]] = (CaseSubmitted, TriageQueued, CaseDispatched)
_READ: Final = frozenset(
    {"registered", "unit", "subjects", "reachable_by", "new_facts", "repeat_of", "taken_from"}
)
"""What is read here of the frequent events, whatever the table tells of them."""
_TELLING: Final = re.compile(r'"(?:reachable_by|subjects)":\s*\[\s*"')

_REPORTERS: Final = (
    "SELECT report, case_id, ways FROM notify.reporter"
    " WHERE report = ANY($1::uuid[]) OR case_id = ANY($1::uuid[])"
)
_REPORTER: Final = ("report", "case_id", "ways")
_MOVE: Final = (
    "UPDATE notify.reporter r SET case_id = u.case_id"
    " FROM unnest($1::uuid[], $2::uuid[]) AS u(report, case_id) WHERE r.report = u.report"
)
_FORGET: Final = "DELETE FROM notify.reporter WHERE report = ANY($1::uuid[])"
_SUBJECTS: Final = "SELECT case_id, unit FROM notify.subject WHERE case_id = ANY($1::uuid[])"
_ADD_SUBJECT: Final = (
    "INSERT INTO notify.subject (case_id, unit) SELECT * FROM unnest($1::uuid[], $2::text[])"
    " ON CONFLICT (case_id, unit) DO UPDATE SET suspected = false"
)
_SUSPECT: Final = (
    "INSERT INTO notify.subject (case_id, unit, suspected)"
    " SELECT *, true FROM unnest($1::uuid[], $2::text[]) ON CONFLICT DO NOTHING"
)
_CLEAR: Final = "DELETE FROM notify.subject WHERE suspected AND case_id = ANY($1::uuid[])"
"""A human at the queue says whom the case complains of, whoever was named before, but for what a petition found."""
_SEAL: Final = (
    "INSERT INTO notify.recipient (case_id, unit) SELECT * FROM unnest($1::uuid[], $2::text[])"
    " ON CONFLICT (case_id) DO UPDATE SET unit = excluded.unit"
)
_HAND_ON: Final = (
    "UPDATE notify.recipient r SET unit = u.unit FROM unnest($1::uuid[], $2::text[]) AS u(case_id, unit)"
    " WHERE r.case_id = u.case_id"
)
_UNSEAL: Final = "DELETE FROM notify.recipient WHERE case_id = ANY($1::uuid[])"
_HIDE: Final = "DELETE FROM notify.inbox_item WHERE case_id = ANY($1::uuid[])"
_ITEM: Final = ("message_id", "unit", "case_id", "event_id", "template", "facts", "at")
_TOLD: Final = (
    "SELECT message_id FROM notify.inbox_item WHERE message_id = ANY($1::uuid[])"
    " UNION ALL SELECT message_id FROM notify.delivery WHERE message_id = ANY($2::uuid[])"
)


def may_begin(envelope: Envelope) -> bool:
    """Whether an event can matter here, by its text: most submissions name no subject, and many nobody to tell."""
    return envelope.type != CaseSubmitted.type or _TELLING.search(envelope.data) is not None


def catalogue(notices: Notices) -> dict[str, type[Event]]:
    """Return, by type, the class by which an event is read: that of a frequent one has only the fields in use.

    Words, terms and reasons, which are most of their text, would be checked and built for nobody.
    """
    events = {type_: EVENTS[type_] for type_ in notices.by_event} | {event.type: event for event in KEPT}
    return events | {event.type: _lean(event, notices) for event in _FREQUENT}


def _lean(event: type[Event], notices: Notices) -> type[Event]:
    rows = notices.by_event.get(event.type, ())
    used = _READ.union(*(row.fields for row in rows))
    fields: Any = {
        name: (field.annotation, field) for name, field in event.model_fields.items() if name in used
    }
    lean = create_model(event.__name__, __base__=Event, **fields)
    lean.type = event.type
    return lean


def projecting(planner: Planner, jurisdiction: Jurisdiction) -> Project[NoState]:
    """Return what writes the tables; it joins the caller's transaction and never commits."""

    async def project(connection: Connection, changes: Sequence[Change[NoState]]) -> None:
        cases = list({change.case_id for change in changes})
        reporters = _by_case(await _note(connection, changes, await _reporters(connection, cases)))
        await _seal(connection, changes)
        subjects = await _subjects(connection, cases)
        inbox: list[tuple[Planned, datetime]] = []
        queued: list[tuple[Planned, datetime]] = []
        for change in changes:
            if change.cause is None or not isinstance(change.given, Event):
                continue
            if _is_sealed(change.given):
                inbox = [item for item in inbox if item[0].case_id != change.case_id]
            found = () if _waits_on(change.given, change.cause) else reporters.get(change.case_id, ())
            for planned in planner.plan(change.given, change.cause, found, change.given_at):
                if not _is_kept_from(planned, subjects.get(change.case_id, ()), jurisdiction):
                    where = inbox if planned.channel is Channel.INBOX else queued
                    where.append((planned, change.given_at))
        if inbox or queued:
            told = await _told(connection, inbox, queued)
            await _file(connection, [item for item in inbox if item[0].message_id not in told])
            await enqueue(connection, [item for item in queued if item[0].message_id not in told])

    return project


async def _note(
    connection: Connection, changes: Sequence[Change[NoState]], known: Mapping[UUID, Reporter]
) -> dict[UUID, Reporter]:
    """Keep the book of reporters and subjects; return the reporters, by their report, as they are after it."""
    reporters = dict(known)
    added: list[tuple[UUID, UUID, Sequence[Reach]]] = []
    moved: dict[UUID, UUID] = {}
    left: list[UUID] = []
    erased: list[UUID] = []
    sealed: list[UUID] = []
    for change in changes:
        if not isinstance(change.given, Event):
            continue
        if _is_sealed(change.given):
            sealed.append(change.case_id)
        if change.given.type == CaseSubmitted.type:
            report, said = change.case_id, vars(change.given)
            ways = said["reachable_by"]
            if ways and report not in reporters:  # it is there where the event comes a second time
                case_id = handled_for(said["repeat_of"], new_facts=said["new_facts"]) or report
                reporters[report] = Reporter(report, case_id, frozenset(ways))
                added.append((report, case_id, ways))
        match change.given:
            case CaseLinked() as event:
                _move(reporters, moved, change.case_id, event.to)
            case CaseUnlinked():
                _move(reporters, moved, change.case_id, change.case_id)
            case CaseWithdrawn(emergency=None):
                if (one := reporters.get(change.case_id)) is not None and one.case_id != one.report:
                    left.append(change.case_id)
                    del reporters[change.case_id]
            case PersonErased():
                erased.append(change.case_id)
                reporters.pop(change.case_id, None)
    await insert(connection, "notify", "reporter", _REPORTER, added)
    if moved:
        await connection.execute(_MOVE, list(moved), list(moved.values()))
    if left or erased:
        await connection.execute(_FORGET, [*left, *erased])
    if erased:
        await cancel(connection, [f"report/{report}" for report in erased])
    await _complained(connection, changes)
    if sealed:  # R-PET-10: of what turned out to be sealed, nobody keeps what they were told before
        await connection.execute(_HIDE, sealed)
    return reporters


def _move(reporters: dict[UUID, Reporter], moved: dict[UUID, UUID], report: UUID, case_id: UUID) -> None:
    """A report is handled as that case from now on."""
    if report in reporters:
        moved[report] = case_id
        reporters[report] = replace(reporters[report], case_id=case_id)


async def _complained(connection: Connection, changes: Sequence[Change[NoState]]) -> None:
    """R-LAD-04, R-HOT-14: keep who is complained of; of nearly all cases there is nothing to keep."""
    certain: set[tuple[UUID, str]] = set()
    suspected: set[tuple[UUID, str]] = set()
    cleared: set[UUID] = set()
    for change in changes:
        event, case_id = change.given, change.case_id
        if not isinstance(event, Event):
            continue
        named = {(case_id, unit) for unit in _named(event)}
        if event.type == PetitionSubjectsNamed.type:
            certain |= named
            continue
        if _by_human(event):
            suspected = {pair for pair in suspected if pair[0] != case_id}
            cleared.add(case_id)
        suspected |= named
    if cleared:
        await connection.execute(_CLEAR, list(cleared))
    for statement, found in ((_ADD_SUBJECT, certain), (_SUSPECT, suspected)):
        if found:
            await connection.execute(statement, *_columns(sorted(found)))


async def _seal(connection: Connection, changes: Sequence[Change[NoState]]) -> None:
    """R-PET-10: keep who has each sealed case, as intake does; of nearly all cases there is nothing to keep."""
    sealed: dict[UUID, str] = {}
    moved: dict[UUID, str] = {}
    unsealed: set[UUID] = set()
    for change in changes:
        event, case_id = change.given, change.case_id
        if not isinstance(event, Event) or event.type not in _DISPOSITIONS:
            continue
        unit = event.exit.authority if isinstance(event, CaseRedirected) else vars(event).get("unit")
        first = _registered(event)
        if first is not None and first.sealed:
            sealed[case_id] = unit or ""
            unsealed.discard(case_id)
        elif _by_human(event):
            unsealed.add(case_id)
            sealed.pop(case_id, None)
        elif first is None and case_id in sealed:
            sealed[case_id] = unit or ""
        elif first is None:
            moved[case_id] = unit or ""
    if unsealed:
        await connection.execute(_UNSEAL, list(unsealed))
    if moved:
        await connection.execute(_HAND_ON, list(moved), list(moved.values()))
    if sealed:
        await connection.execute(_SEAL, list(sealed), list(sealed.values()))


# By `vars`: what an event's class does not have, a model takes microseconds to say.
def _named(event: Event) -> Iterable[str]:
    """The units that an event says are complained of."""
    first = _registered(event)
    return {*(vars(event).get("subjects") or ()), *(first.subjects if first is not None else ())}


def _registered(event: Event) -> Registration | None:
    return vars(event).get("registered")


def _by_human(event: Event) -> bool:
    """Whether a human said what is known of the case."""
    first = _registered(event)
    return first is not None and first.judgement.by is TriagedBy.HUMAN


def _waits_on(event: Event, cause: Envelope) -> bool:
    """Whether a case that waits for a human already was only added to: its reporter knows that it waits. Else it is
    the first that the router says of the case, or was taken from a unit."""
    return event.type == TriageQueued.type and cause.sequence > 1 and vars(event)["taken_from"] is None


def _is_sealed(event: Event) -> bool:
    first = _registered(event)
    return event.type == PetitionSealed.type or (first is not None and first.sealed)


async def _reporters(connection: Connection, cases: Sequence[UUID]) -> dict[UUID, Reporter]:
    """Return, by their report, the reporters of the cases and of those that are linked to them."""
    return {
        row[0]: Reporter(row[0], row[1], frozenset(Reach(way) for way in row[2]))
        for row in await connection.fetch(_REPORTERS, cases)
    }


def _by_case(reporters: Mapping[UUID, Reporter]) -> dict[UUID, list[Reporter]]:
    """Return, by case, its own reporter and those of the cases that are linked to it."""
    found: dict[UUID, list[Reporter]] = defaultdict(list)
    for one in reporters.values():
        for case_id in {one.report, one.case_id}:
            found[case_id].append(one)
    return found


async def _subjects(connection: Connection, cases: Sequence[UUID]) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = defaultdict(list)
    for row in await connection.fetch(_SUBJECTS, cases):
        found[row[0]].append(row[1])
    return found


def _is_kept_from(planned: Planned, subjects: Sequence[str], jurisdiction: Jurisdiction) -> bool:
    """R-LAD-04, R-HOT-14: a unit complained of, and all under it, hear nothing of the case."""
    if not subjects:
        return False
    kind, _, unit = planned.recipient.partition("/")
    return kind == "unit" and any(
        unit in jurisdiction.units and jurisdiction.controls(subject, unit) for subject in subjects
    )


async def _told(
    connection: Connection,
    inbox: Sequence[tuple[Planned, datetime]],
    queued: Sequence[tuple[Planned, datetime]],
) -> set[UUID]:
    """Return what of it is there already, by message id: an event comes again from a broker that was rebuilt."""
    ids = ([one.message_id for one, _ in items] for items in (inbox, queued))
    return {row[0] for row in await connection.fetch(_TOLD, *ids)}


async def _file(connection: Connection, items: Sequence[tuple[Planned, datetime]]) -> None:
    rows = [
        (
            one.message_id,
            one.recipient.removeprefix("unit/"),
            one.case_id,
            one.event_id,
            one.template,
            orjson.dumps(one.facts).decode(),
            at,
        )
        for one, at in items
    ]
    await insert(connection, "notify", "inbox_item", _ITEM, rows)


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
