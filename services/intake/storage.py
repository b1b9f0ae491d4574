"""Intake's own tables: written for a whole batch in the transaction that commits it, and read for one case."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from chassis.database import Connection, Pool, Record, insert
from chassis.service import Change
from schemas.intake import CaseSubmitted, PersonErased, SubmitCase, SupplementCase
from schemas.message import Event
from schemas.router import (
    CaseLinked,
    CaseRedirected,
    Disposition,
    HelpersRecused,
    ProcedureEnded,
    QueueReason,
    TriagedBy,
    TriageQueued,
)
from schemas.values import Sealed
from services.intake.attachments.storage import erase_attachments, mark_stored
from services.intake.domain import IntakeState
from services.intake.holders import keep_helpers
from services.intake.ledger import OPEN, Result, result, told
from services.intake.links import keep_left
from services.intake.listing import PublicList
from services.intake.progress import CALLBACK, RECEIVED, RECEIVED_WORDS, REPLIED, Names, progress

_FILED = ("case_id", "unit", "subjects", "code_digest", "received_at")
_CALLED = ("call_id", "case_id")
_LINKED = ("case_id", "first")
_PERSON = ("digest", "received_at", "case_id")
_KEY = ("record_id", "case_id", "key_id", "wrapped_key")
_RECORD = ("record_id", "case_id", "ciphertext")
_ENTRY = ("case_id", "at", "status", "words", "unit")
_NEW_RESULT = (
    "INSERT INTO intake.ledger (case_id, kind, unit, solved, explanation, at) SELECT * FROM"
    " unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[], $5::text[], $6::timestamptz[])"
    " ON CONFLICT (case_id) DO UPDATE SET kind = excluded.kind, unit = excluded.unit, solved = excluded.solved,"
    " explanation = excluded.explanation, at = excluded.at"
)
_FURTHER_RESULT = (
    "INSERT INTO intake.ledger AS l (case_id, kind, unit, solved, explanation, at) SELECT * FROM"
    " unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[], $5::text[], $6::timestamptz[])"
    " ON CONFLICT (case_id) DO UPDATE SET kind = excluded.kind, unit = coalesce(excluded.unit, l.unit),"
    " solved = coalesce(excluded.solved, l.solved),"
    " explanation = coalesce(nullif(l.explanation, ''), excluded.explanation), at = excluded.at"
)
"""As `Result.after` puts two together."""
_NO_RESULT = "DELETE FROM intake.ledger WHERE case_id = ANY($1::uuid[])"
_HIDE = (
    "UPDATE intake.case_file f SET"
    " subjects = CASE WHEN u.subjects IS NULL THEN f.subjects"
    " ELSE string_to_array(nullif(u.subjects, ''), ',') END,"
    " unit = coalesce(u.area, f.unit),"
    " recipient = CASE WHEN coalesce(u.sealed, f.recipient IS NOT NULL) THEN coalesce(u.holder, '') END"
    " FROM unnest($1::uuid[], $2::text[], $3::boolean[], $4::text[], $5::text[])"
    " AS u(case_id, subjects, sealed, holder, area)"
    " WHERE f.case_id = u.case_id"
)
_ERASE = ("record_key", "personal_record", "person_index")
_LATEST = (
    "SELECT case_id FROM intake.person_index WHERE digest = $1"
    " ORDER BY received_at DESC, case_id DESC LIMIT 1"
)
_SUBMITTER = (
    "SELECT data -> 'by' ->> 'subject' FROM chassis.event_log"
    " WHERE case_id = $1 AND source = 'intake' AND sequence = 1"
)

_SUBMITTED = (
    "SELECT data::text FROM chassis.event_log WHERE case_id = $1 AND source = 'intake' AND sequence = 1"
)


class Projection:
    """Writes what a batch of changes means for intake's tables. `names` gives a unit's name by its code."""

    def __init__(self, names: Names, public: PublicList | None = None) -> None:
        self._names = names
        self._public = public

    async def project(self, connection: Connection, changes: Sequence[Change[IntakeState]]) -> None:
        """Write one batch; joins the transaction and never commits."""
        submitted = [
            (change.case_id, change.given)
            for change in changes
            if change.events and isinstance(change.given, SubmitCase)
        ]
        await _file(connection, submitted)
        erased, kept = _records(changes)
        if erased:
            await erase_attachments(connection, erased)
        for table in _ERASE if erased else ():
            await connection.execute(f"DELETE FROM intake.{table} WHERE case_id = ANY($1::uuid[])", erased)
        await _keep(connection, kept)
        await mark_stored(connection, [reference for change in changes for reference in _attached(change)])
        await self._tell(connection, changes)
        await _note(connection, changes)
        await _hide(connection, changes)
        await keep_helpers(connection, changes)
        await keep_left(connection, changes)
        if self._public is not None:
            await self._public.write(connection, changes)

    async def _tell(self, connection: Connection, changes: Sequence[Change[IntakeState]]) -> None:
        """Add to the time lines, each entry dated by its event."""
        rows: list[tuple[UUID, datetime, str | None, str, str | None]] = []
        for change in changes:
            if isinstance(change.given, CaseLinked) and change.state.co_report:
                continue  # it was told already, and in other words: the first case is another person's
            if isinstance(change.given, Event) and (entry := progress(self._names, change.given)):
                rows.append((change.case_id, change.given_at, *entry, told(change.given)))
            for event, envelope in zip(change.events, change.envelopes, strict=True):
                if entry := progress(self._names, event):
                    case_id = getattr(event, "report", None) or change.case_id  # a co-reporter's own words
                    rows.append((case_id, envelope.time, *entry, None))
        await insert(connection, "intake", "timeline", _ENTRY, rows)


def _records(changes: Sequence[Change[IntakeState]]) -> tuple[list[UUID], list[tuple[UUID, Sealed]]]:
    """Return the cases that are erased, and the records that stay: of an erased case, what was said afterwards."""
    erased: list[UUID] = []
    kept: list[tuple[UUID, Sealed]] = []
    for change in changes:
        if any(isinstance(event, PersonErased) for event in change.events):
            erased.append(change.case_id)
            kept = [pair for pair in kept if pair[0] != change.case_id]
        elif (pair := _sealed(change)) is not None:
            kept.append(pair)
    return erased, kept


def _sealed(change: Change[IntakeState]) -> tuple[UUID, Sealed] | None:
    """Return the record that comes with an accepted command."""
    if not change.events:
        return None
    match change.given:
        case SubmitCase(filing=filing):
            sealed = filing.sealed
        case SupplementCase(sealed=sealed):
            pass
        case _:
            return None
    return (change.case_id, sealed) if sealed is not None else None


def _attached(change: Change[IntakeState]) -> tuple[str, ...]:
    """Return the references to documents that come with an accepted command."""
    return change.given.attachments if change.events and isinstance(change.given, SupplementCase) else ()


async def _note(connection: Connection, changes: Sequence[Change[IntakeState]]) -> None:
    """R-LEDGER-01: write down what came of the cases; where they are only dispatched, nothing has."""
    found: dict[UUID, tuple[Result, datetime]] = {}
    for change in changes:
        if isinstance(change.given, Event) and (said := result(change.given)):
            earlier = found.get(change.case_id)
            found[change.case_id] = said.after(earlier[0] if earlier else None), change.given_at
    for statement, adds in ((_NEW_RESULT, False), (_FURTHER_RESULT, True)):
        rows = [
            (case_id, said.kind, said.unit, said.solved, said.explanation, at)
            for case_id, (said, at) in found.items()
            if said.kind != OPEN and said.adds is adds
        ]
        if rows:
            await connection.execute(statement, *(list(column) for column in zip(*rows, strict=True)))
    if again := [case_id for case_id, (said, _) in found.items() if said.kind == OPEN]:
        await connection.execute(_NO_RESULT, again)


async def _file(connection: Connection, submitted: Sequence[tuple[UUID, SubmitCase]]) -> None:
    """Open a file for each new case; index its reporter, the case that it is linked to, and its call."""
    files, persons, linked, called = [], [], [], []
    for case_id, command in submitted:
        filing, case = command.filing, command.case
        files.append((case_id, filing.unit, case.subjects or None, filing.code_digest, case.received_at))
        if case.linked_to is not None:
            linked.append((case_id, case.linked_to))
        if filing.call_id is not None:
            called.append((filing.call_id, case_id))
        persons += [(digest, case.received_at, case_id) for digest in filing.persons]
    await insert(connection, "intake", "case_file", _FILED, files)
    await insert(connection, "intake", "person_index", _PERSON, persons)
    await insert(connection, "intake", "linked_report", _LINKED, linked)
    await insert(connection, "intake", "call_case", _CALLED, called)


class _Found(NamedTuple):
    """What the router found out about a case. None for `subjects`, `sealed` or `area`: as before."""

    subjects: str | None
    sealed: bool | None
    holder: str | None
    area: str | None = None
    """The unit whose area the case lies in: the hotline's where a human must say whom the words accuse."""

    def after(self, earlier: "_Found | None") -> "_Found":
        """Return both together."""
        if earlier is None:
            return self
        subjects = earlier.subjects if self.subjects is None else self.subjects
        sealed = earlier.sealed if self.sealed is None else self.sealed
        return _Found(subjects, sealed, self.holder, self.area or earlier.area)


async def _hide(connection: Connection, changes: Sequence[Change[IntakeState]]) -> None:
    """R-LAD-04, R-PET-10: keep the files from whom the router found to be complained of, and those of sealed matter
    from all but the one unit that has it."""
    found: dict[UUID, _Found] = {}
    for change in changes:
        if isinstance(change.given, ProcedureEnded | HelpersRecused):
            said = _named(change.given)
        else:
            said = _found(change.given) if isinstance(change.given, Disposition) else None
        if said is not None:
            found[change.case_id] = said.after(found.get(change.case_id))
    if found:
        columns = zip(*found.values(), strict=True)
        await connection.execute(_HIDE, list(found), *(list(column) for column in columns))


def _named(event: ProcedureEnded | HelpersRecused) -> _Found | None:
    """Whom a procedure named, now that it is over, or which helpers left; who holds the file does not change."""
    return _Found(",".join(event.subjects), None, event.unit) if event.subjects else None


def _found(event: Disposition) -> _Found | None:
    first = event.registered
    subjects: tuple[str, ...] | None = getattr(event, "subjects", None)
    area: str | None = None
    if isinstance(event, TriageQueued) and event.reason is QueueReason.POLICY:
        area = event.unit  # the office that the words accuse without its name may be that of the place
    if first is not None:
        subjects = subjects or first.subjects
        by_human = first.judgement.by is TriagedBy.HUMAN
        if not (subjects or first.sealed or by_human or area):
            return None  # nearly every case: the first that is heard of it, and nobody to keep it from
        area = first.place if by_human else area
    holder = event.exit.authority if isinstance(event, CaseRedirected) else getattr(event, "unit", None)
    found = None if subjects is None else ",".join(subjects)
    return _Found(found, first.sealed if first else None, holder, area)


async def _keep(connection: Connection, records: Sequence[tuple[UUID, Sealed]]) -> None:
    """Store encrypted records, their keys apart from them."""
    keys = [(sealed.record_id, case_id, sealed.key_id, sealed.wrapped_key) for case_id, sealed in records]
    await insert(connection, "intake", "record_key", _KEY, keys)
    texts = [(sealed.record_id, case_id, sealed.ciphertext) for case_id, sealed in records]
    await insert(connection, "intake", "personal_record", _RECORD, texts)


@dataclass(frozen=True, slots=True)
class File:
    """What intake knows of a case beside its personal data."""

    case_id: UUID
    unit: str
    subjects: list[str]
    recipient: str | None
    received_at: datetime
    version: int
    """Of the case under which the matter is handled: what is said of a linked report changes that one."""
    erased: bool
    confidential: bool
    """The reporter asked that only the responsible unit reads what was said."""
    reopen_until: datetime | None
    """Closed: before this instant the case under which the matter is handled can be reopened (R-HOT-08)."""
    linked_to: UUID | None
    """Where the matter is handled; None also for a linked case that was withdrawn: it has no say any more."""

    is_co_report: bool = False
    """The first case is another person's."""
    has_left: bool = False
    """Its own reporter has withdrawn, and it went on for other reports (R-PET-18)."""

    @property
    def handled_as(self) -> UUID:
        """The case under which the matter is handled: what is said of a linked one belongs there (R-PET-18)."""
        return self.linked_to or self.case_id


_FILE = (
    "SELECT f.case_id, coalesce(first.unit, f.unit), f.subjects || first.subjects,"
    " coalesce(f.recipient, first.recipient),"
    " f.received_at, coalesce(h.version, a.version),"
    " coalesce((a.state ->> 'erased')::boolean, false),"
    " coalesce((SELECT (l.data ->> 'confidential')::boolean FROM chassis.event_log l"
    " WHERE l.case_id = f.case_id AND l.source = 'intake' AND l.sequence = 1), false),"
    " (CASE WHEN h.case_id IS NULL THEN a.state ELSE h.state END ->> 'reopen_until')::timestamptz,"
    " h.case_id, coalesce((a.state ->> 'co_report')::boolean, false),"
    " coalesce((a.state ->> 'left')::boolean, false) FROM intake.case_file f"
    " JOIN intake.aggregate a USING (case_id) LEFT JOIN intake.aggregate h"
    " ON h.case_id = (a.state ->> 'linked_to')::uuid AND a.state ->> 'withdrawn' IS NULL"
    " LEFT JOIN intake.case_file first ON first.case_id = (a.state ->> 'linked_to')::uuid WHERE "
)
"""R-LAD-04, R-HOT-14, R-PET-10: a linked report is kept from whom the first case is kept from, whenever that was
found out; while a human must say whom that one accuses, from all but the centre."""


async def file_by_id(pool: Pool, case_id: UUID) -> File | None:
    """Return the file of a case."""
    return await _one_file(pool, "f.case_id = $1", case_id)


async def files_by_id(pool: Pool, case_ids: Collection[UUID]) -> dict[UUID, File]:
    """Return the files of those of some cases that there are."""
    rows = await pool.fetch(_FILE + "f.case_id = ANY($1::uuid[])", list(case_ids))
    return {row[0]: _opened(row) for row in rows}


async def file_by_code(pool: Pool, code_digest: bytes) -> File | None:
    """Return the file that a tracking code opens."""
    return await _one_file(pool, "f.code_digest = $1", code_digest)


async def _one_file(pool: Pool, condition: str, key: UUID | bytes) -> File | None:
    async with pool.acquire() as connection:
        row = await connection.fetchrow(_FILE + condition, key)
    return _opened(row) if row else None


def _opened(row: Record) -> File:
    return File(row[0], row[1], list(row[2] or ()), *row[3:])


async def latest_case(pool: Pool, person: bytes) -> UUID | None:
    """Return the newest case of a person, known by a blind index."""
    found: UUID | None = await pool.fetchval(_LATEST, person)
    return found


async def submitter(pool: Pool, case_id: UUID) -> str | None:
    """Return the token's subject of the member of staff who submitted a case; None where the resident did."""
    found: str | None = await pool.fetchval(_SUBMITTER, case_id)
    return found


async def submission_of(pool: Pool, case_id: UUID) -> CaseSubmitted | None:
    """Return what was published of a case when it was taken in."""
    data = await pool.fetchval(_SUBMITTED, case_id)
    return CaseSubmitted.model_validate_json(data) if data is not None else None


async def timeline(pool: Pool, case_id: UUID) -> list[tuple[datetime, str | None, str]]:
    """Return moment, status and words of each entry, oldest first."""
    async with pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT at, status, words FROM intake.timeline WHERE case_id = $1 ORDER BY entry", case_id
        )
    return [(row[0], row[1], row[2]) for row in rows]


@dataclass(frozen=True, slots=True)
class Called:
    """How a case stands with its callbacks."""

    status: str
    words: str
    callbacks: int
    """How many there have been, the one that waits included."""
    answered: int
    """The callbacks that signed links answered go up to this one."""
    reply: str | None
    reopen_until: datetime | None
    reopening: bool
    heard: int
    """The router's events up to this number of the case are in all this."""

    @property
    def is_waiting(self) -> bool:
        """Whether a callback waits now."""
        return self.status == CALLBACK

    def may_reopen(self, now: datetime) -> bool:
        """Whether the case can be reopened now."""
        return self.reopen_until is not None and now < self.reopen_until and not self.reopening


_CALLED_BACK = (
    "SELECT (SELECT array_agg(t.status ORDER BY t.entry) FROM intake.timeline t"
    " WHERE t.case_id = a.case_id AND t.status IS NOT NULL),"
    " (SELECT array_agg(t.words ORDER BY t.entry) FROM intake.timeline t"
    " WHERE t.case_id = a.case_id AND t.status IS NOT NULL),"
    " coalesce((a.state ->> 'answered')::int, 0), (a.state ->> 'reopen_until')::timestamptz,"
    " coalesce((a.state ->> 'reopening')::boolean, false), coalesce((a.seen ->> 'router')::bigint, 0)"
    " FROM intake.aggregate a WHERE a.case_id = $1"
)


async def called(pool: Pool, case_id: UUID) -> Called | None:
    """Return how a case stands with its callbacks; None where there is no such case."""
    async with pool.acquire() as connection:
        row = await connection.fetchrow(_CALLED_BACK, case_id)
    if row is None:
        return None
    steps = list(zip(row[0] or (), row[1] or (), strict=True)) or [(RECEIVED, RECEIVED_WORDS)]
    replies = [words for status, words in steps if status == REPLIED]
    waits = sum(status == CALLBACK for status, _ in steps)
    return Called(*steps[-1], waits, row[2], replies[-1] if replies else None, row[3], row[4], row[5])
