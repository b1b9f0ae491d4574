"""The public list as clients ask for it and read it: filters, paging, and what stands in a row."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from reference.open311 import Offers
from services.intake.channels.open311.forms import Fields, moment
from services.intake.channels.open311.wire import Refused
from services.intake.check import Surroundings
from services.intake.ids import PublicNumbers
from services.intake.listing import Listed, Turn, Wanted, WantedTurns, words_for

MOST_DAYS: Final = 90
MOST_ROWS: Final = 1000
HOUR: Final = timedelta(hours=1)
"""More exactly nobody learns when something happened (R-PRIV-01)."""
DEEPEST: Final = 10_000
"""How far pages reach: who wants more narrows the dates."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ENDED: Final = frozenset({"answered", "redirected", "linked", "withdrawn", "closed"})
_STATUSES: Final = {"open": False, "closed": True}


def one(given: Fields, name: str) -> str | None:
    """Return a parameter's value, the last where it stands there several times; None where it is absent."""
    values = given.get(name)
    return values[-1] if values else None


def ids(given: Fields) -> list[UUID] | None:
    """Return the requests that are named, which overrides all other filters; None where none is. Raises Refused."""
    text = one(given, "service_request_id")
    if text is None:
        return None
    named = [part for part in text.split(",") if part.strip()]
    if len(named) > MOST_ROWS:
        raise Refused((400, f"service_request_id names more than {MOST_ROWS} requests."))
    return [found for part in named if (found := request_id(part)) is not None]


def request_id(text: str) -> UUID | None:
    """Return the number that a service_request_id is; None for what can be none."""
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def wanted(given: Fields, offers: Offers, now: datetime) -> Wanted:
    """Read the filters of a list. Raises Refused with every fault at once."""
    faults: list[tuple[int, str]] = []
    since, until = span(given, now, faults)
    matters = _matters(given, offers, faults)
    closed = _closed(given, faults)
    first, most = _page(given, faults)
    if faults:
        raise Refused(*sorted(faults, key=lambda fault: -fault[0]))
    return Wanted(since, until, closed, matters, first, most)


def updates_wanted(given: Fields, now: datetime) -> WantedTurns:
    """Read the filters of the changes. Raises Refused with every fault at once."""
    faults: list[tuple[int, str]] = []
    since, until = span(given, now, faults)
    first, most = _page(given, faults)
    if faults:
        raise Refused(*faults)
    return WantedTurns(since, until, first, most)


def _page(given: Fields, faults: list[tuple[int, str]]) -> tuple[int, int]:
    """Return how many rows are left out and how many are wanted."""
    page = _number(given, "page", 1, DEEPEST, faults)
    size = _number(given, "page_size", MOST_ROWS, MOST_ROWS, faults)
    if page * size > DEEPEST and page > 1:
        faults.append((400, f"Pages reach {DEEPEST} rows deep; narrow start_date and end_date."))
    return (page - 1) * size, size


def span(given: Fields, now: datetime, faults: list[tuple[int, str]]) -> tuple[datetime, datetime]:
    """Return the whole hours that the span touches which is asked for, by default the last 90 days; note what is
    wrong. Part of an hour would tell when something happened, and hide what stands under the full hour."""
    since, until = _span(given, now, faults)
    return hour_of(since), -(-(until - _EPOCH) // HOUR) * HOUR + _EPOCH


def hour_of(at: datetime) -> datetime:
    """Return the hour in which something happened."""
    return (at - _EPOCH) // HOUR * HOUR + _EPOCH


def _span(given: Fields, now: datetime, faults: list[tuple[int, str]]) -> tuple[datetime, datetime]:
    most = timedelta(days=MOST_DAYS)
    since, until = (_moment(given, name, faults) for name in ("start_date", "end_date"))
    if since is None and until is None:
        return now - most, now + timedelta(hours=1)
    if since is None and until is not None:
        return until - most, until
    if since is not None and until is None:
        return since, since + most
    assert since is not None and until is not None  # noqa: S101, PT018
    if since > until:
        faults.append((400, "start_date lies after end_date."))
    elif until - since > most:
        faults.append((400, f"start_date and end_date lie more than {MOST_DAYS} days apart."))
    return since, until


def _moment(given: Fields, name: str, faults: list[tuple[int, str]]) -> datetime | None:
    text = one(given, name)
    if text is None:
        return None
    found = moment(text)
    if found is None or not 2000 <= found.year <= 2999:
        faults.append((400, f"{name} is not usable; send a moment with its time zone: 2026-11-24T00:00:00Z."))
        return None
    return found


def _matters(given: Fields, offers: Offers, faults: list[tuple[int, str]]) -> tuple[str, ...] | None:
    text = one(given, "service_code")
    if text is None:
        return None
    codes = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if any(code not in offers.services for code in codes):
        faults.append((404, "service_code was not found. It is one of GET /services."))
    return tuple(code for code in codes if code in offers.published)


def _closed(given: Fields, faults: list[tuple[int, str]]) -> tuple[bool, ...]:
    text = one(given, "status") or "open,closed"
    names = {part.strip().lower() for part in text.split(",") if part.strip()}
    if not names <= _STATUSES.keys():
        faults.append((400, "status is not usable; send open, closed or open,closed."))
    return tuple(sorted(_STATUSES[name] for name in names & _STATUSES.keys()))


def _number(given: Fields, name: str, default: int, most: int, faults: list[tuple[int, str]]) -> int:
    text = one(given, name)
    if text is None:
        return default
    if text.isascii() and text.isdecimal() and len(text) < 7 and 1 <= int(text) <= most:
        return int(text)
    faults.append((400, f"{name} is not usable; send a whole number from 1 to {most}."))
    return default


def row(case: Listed, offers: Offers, around: Surroundings, *, extended: bool) -> dict[str, Any]:
    """Return a request as the public sees it. What is never published stays empty: words, picture, exact place."""
    offer = offers.services[case.matter]
    units = around.jurisdiction.units
    point = around.grids.centre(case.place)
    shown: dict[str, Any] = {
        "service_request_id": str(case.number),
        "status": "closed" if case.closed else "open",
        "status_notes": words_for(case.status),
        "service_name": offer.matter.name,
        "service_code": case.matter,
        "description": None,
        "agency_responsible": units[case.handler].name
        if case.handler is not None and case.handler in units
        else None,
        "service_notice": None,
        "requested_datetime": written(case.requested_at),
        "updated_datetime": written(hour_of(case.updated_at)),
        "expected_datetime": None,
        "address": units[case.place].name if case.place in units else None,
        "address_id": case.place,
        "zipcode": None,
        "lat": point[1] if point else None,
        "long": point[0] if point else None,
        "media_url": None,
    }
    if extended:
        shown["extended_attributes"] = _extended(case, offer.group, around)
    return shown


def _extended(case: Listed, group: str, around: Surroundings) -> Mapping[str, Any]:
    above = around.jurisdiction.ancestors(case.place) if case.place in around.jurisdiction.units else ()
    return {
        "group": group,
        "status_code": case.status,
        "grid": case.place,
        "community": next(iter(above), None),
    }


def update(turn: Turn, numbers: PublicNumbers) -> dict[str, Any]:
    """Return one change of a request's status, under a number that tells nothing of the others (R-PRIV-01)."""
    return {
        "update_id": str(numbers.of(UUID(int=turn.entry))),
        "service_request_id": str(turn.number),
        "status": "closed" if turn.status in _ENDED else "open",
        "updated_datetime": written(hour_of(turn.at)),
        "description": words_for(turn.status),
        "media_url": None,
    }


def written(at: datetime) -> str:
    """Return a moment in ISO 8601 with its time zone."""
    return at.isoformat(timespec="seconds")
