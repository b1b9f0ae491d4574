"""The knowledge base over HTTP: operators search, units edit what is theirs, the district publishes (R-HOT-15)."""

from datetime import date
from typing import Annotated, Final, Self

from fastapi import FastAPI, Path, Query, Response
from pydantic import Field, StringConstraints, model_validator

from chassis.calendar import SHANGHAI
from chassis.database import Pool
from chassis.host import Host
from chassis.http import FieldError, Principal, Problem, Role, allow, check_version, etag
from chassis.http.problems import unprocessable
from schemas.jurisdiction import Jurisdiction
from schemas.written import Storable
from services.intake.bodies import Body
from services.intake.callers import Caller, caller, reaches
from services.intake.domain import IntakeState
from services.intake.knowledge import store
from services.intake.knowledge.shelf import Entry
from services.intake.views import View
from services.intake.writes import Writing

TELLING: Final = tuple(role for role in Role if role not in {Role.RESIDENT, Role.NOTIFIER})
EDITING: Final = (Role.SUPERVISOR, Role.HANDLER)
PUBLISHING: Final = (Role.SUPERVISOR,)
_TAG: Final = "knowledge base"
Teller = Annotated[Principal, allow(*TELLING)]
Editor = Annotated[Principal, allow(*EDITING)]
Publisher = Annotated[Principal, allow(*PUBLISHING)]
Name = Annotated[
    str, Path(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64, description="its name for good")
]
Question = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=200), Storable]
Answer = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=4000), Storable]
Keyword = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=20), Storable]
Words = Annotated[str, Query(max_length=500, description="what the caller asks; without it all entries")]


class EntryBody(Body):
    """A new version of an entry. Both days of its validity count; without `valid_to` it has no end."""

    unit: Annotated[
        str, Field(min_length=1, max_length=64, description="who keeps it current: your own unit")
    ]
    question: Question
    answer: Answer
    matters: tuple[Annotated[str, Field(max_length=64)], ...] = Field(default=(), max_length=20)
    keywords: tuple[Keyword, ...] = Field(default=(), max_length=30)
    valid_from: date
    valid_to: date | None = None
    review_by: date

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise ValueError("valid_to must not lie before valid_from")
        if self.review_by < self.valid_from:
            raise ValueError("review_by must not lie before valid_from")
        return self


class PublicationBody(Body):
    """The version that operators are to tell from now on: the newest."""

    version: Annotated[int, Field(ge=1)]


class EntryView(View):
    """A version of an entry; `is_overdue`: its unit should have reviewed it by now."""

    entry: str
    version: int
    unit: str
    question: str
    answer: str
    matters: tuple[str, ...]
    keywords: tuple[str, ...]
    valid_from: date
    valid_to: date | None
    review_by: date
    is_published: bool
    is_overdue: bool


class Entries(View):
    """Entries, the one that fits best first."""

    entries: tuple[EntryView, ...]


class Due(View):
    """What a unit has to review: past its day of review, or no longer valid."""

    unit: str
    name: str
    entries: tuple[EntryView, ...]


class Reviews(View):
    """By unit, whoever has most first."""

    units: tuple[Due, ...]


def add_knowledge_routes(app: FastAPI, host: Host[IntakeState], jurisdiction: Jurisdiction) -> None:
    """Add the routes of the knowledge base."""
    kept = store.KnowledgeStore()

    def today() -> date:
        return host.clock().astimezone(SHANGHAI).date()

    @app.get("/v1/knowledge", tags=[_TAG], summary="Search what may be told today")
    async def search(
        principal: Teller,
        text: Words = "",
        matter: str | None = None,
        limit: Annotated[int, Query(ge=1, le=50)] = 10,
    ) -> Entries:
        caller(principal, jurisdiction, TELLING)
        shelf = await kept.shelf(host.pool)
        day = today()
        return Entries(entries=tuple(_view(found, day) for found in shelf.find(text, day, matter, limit)))

    @app.get("/v1/knowledge-reviews", tags=[_TAG], summary="What units have to review, those of your scope")
    async def reviews(principal: Teller, unit: str | None = None) -> Reviews:
        who, day = caller(principal, jurisdiction, TELLING), today()
        async with host.pool.acquire() as connection:
            entries = await store.current(connection)
        due: dict[str, list[EntryView]] = {}
        for entry in entries:
            overdue = entry.review_by < day or (entry.valid_to is not None and entry.valid_to < day)
            owner = _owner(entry.unit, jurisdiction)
            if overdue and unit in {None, owner} and reaches(who, owner, jurisdiction):
                due.setdefault(owner, []).append(_view(entry, day))
        ordered = sorted(due.items(), key=lambda item: (-len(item[1]), item[0]))
        return Reviews(
            units=tuple(
                Due(unit=code, name=jurisdiction.units[code].name, entries=tuple(views))
                for code, views in ordered
            )
        )

    @app.get("/v1/knowledge/{entry}", tags=[_TAG], summary="The versions of an entry, the newest first")
    async def history(principal: Teller, entry: Name, response: Response) -> Entries:
        caller(principal, jurisdiction, TELLING)
        found = await _known(host.pool, entry)
        if not _may_see_drafts(principal, found[0], jurisdiction):
            found = [version for version in found if version.is_published]
        if not found:
            raise _unknown(entry)
        response.headers["ETag"] = etag(found[0].version)
        return Entries(entries=tuple(_view(version, today()) for version in found))

    @app.put(
        "/v1/knowledge/{entry}", tags=[_TAG], summary="Write a new version: a draft until it is published"
    )
    async def write(
        principal: Editor, entry: Name, body: EntryBody, given: Writing, response: Response
    ) -> EntryView:
        who = caller(principal, jurisdiction, EDITING)
        _check(body, jurisdiction)
        latest = next(iter(await store.versions(host.pool, entry)), None)
        _demand_owner(who, body.unit, latest, jurisdiction)
        check_version(given.expected, latest.version if latest else 0)
        made = _made(entry, latest.version + 1 if latest else 1, body)
        if latest is None or not _is_same(latest, made):
            if not await store.save(host.pool, made, host.clock(), who.recorded_as):
                raise _changed(entry)
            latest = made
        response.headers["ETag"] = etag(latest.version)
        return _view(latest, today())

    @app.post(
        "/v1/knowledge/{entry}/publication", tags=[_TAG], summary="Let operators tell the newest version"
    )
    async def publish(principal: Publisher, entry: Name, body: PublicationBody) -> EntryView:
        who = caller(principal, jurisdiction, PUBLISHING)
        if who.unit != jurisdiction.code:
            detail = f"Your token is of {who.unit}; a supervisor of {jurisdiction.code} publishes."
            raise Problem(403, "not_the_district", "Only the district does this", detail)
        latest = (await _known(host.pool, entry))[0]
        if latest.version != body.version:
            raise _changed(entry)
        await store.publish(host.pool, entry, body.version, host.clock(), who.recorded_as)
        return _view((await _known(host.pool, entry))[0], today())


async def _known(pool: Pool, entry: str) -> list[Entry]:
    """Return all versions, the newest first. Raises Problem 404."""
    found = await store.versions(pool, entry)
    if not found:
        raise _unknown(entry)
    return found


def _unknown(entry: str) -> Problem:
    detail = f"There is no entry {entry} in the knowledge base; see /v1/knowledge."
    return Problem(404, "entry_unknown", "No such entry", detail)


def _may_see_drafts(principal: Principal, latest: Entry, jurisdiction: Jurisdiction) -> bool:
    """Whether the caller writes what is not published yet, or decides whether it is to be."""
    if principal.unit == jurisdiction.code and principal.has(*PUBLISHING):
        return True
    return principal.unit == _owner(latest.unit, jurisdiction) and principal.has(*EDITING)


def _owner(unit: str, jurisdiction: Jurisdiction) -> str:
    """Return who keeps an entry of `unit` current: its successor, where it was abolished (R-PET-04)."""
    return jurisdiction.current(unit) if unit in jurisdiction.units else jurisdiction.code


def _changed(entry: str) -> Problem:
    detail = f"{entry} has a newer version than the one you decided on: read it again, decide again."
    return Problem(409, "entry_changed", "The entry has changed meanwhile", detail)


def _check(body: EntryBody, jurisdiction: Jurisdiction) -> None:
    """Raise Problem 422 for what is not in the jurisdiction."""
    faults = [
        FieldError(
            field=f"matters[{place}]",
            message=f"There is no matter {code}.",
            expected="a code of the catalogue",
        )
        for place, code in enumerate(body.matters)
        if code not in jurisdiction.matters
    ]
    if body.unit not in jurisdiction.units:
        told = f"There is no unit {body.unit}."
        faults.append(FieldError(field="unit", message=told, expected="the code of your own unit"))
    if faults:
        raise unprocessable(faults)


def _demand_owner(who: Caller, unit: str, latest: Entry | None, jurisdiction: Jurisdiction) -> None:
    """Raise Problem 403 for whoever is not of the unit that owns the entry, or of its successor (R-PET-04)."""
    owner = latest.unit if latest is not None else unit
    owner = jurisdiction.current(owner) if owner in jurisdiction.units else unit
    if who.unit == unit == owner:
        return
    detail = (
        f"{owner} keeps this entry current; your token is of {who.unit}. Tell {owner} what should change."
    )
    raise Problem(403, "not_your_entry", "Another unit keeps this entry", detail)


def _made(entry: str, version: int, body: EntryBody) -> Entry:
    return Entry(entry=entry, version=version, **dict(body), is_published=False)


def _is_same(latest: Entry, made: Entry) -> bool:
    return all(
        getattr(latest, name) == getattr(made, name) for name in EntryBody.model_fields
    )  # sent again: nothing new


def _view(entry: Entry, day: date) -> EntryView:
    values = {name: getattr(entry, name) for name in Entry.__slots__}
    return EntryView(**values, is_overdue=entry.review_by < day)
