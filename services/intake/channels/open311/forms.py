"""A report as a client sends it: from form fields to the body of a case, with every fault told at once."""

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from pydantic import ValidationError

from chassis.http import FieldError, validation_problem
from reference.open311 import Attribute, DataType, Offer, Offers
from services.intake.bodies import CaseBody, check_case
from services.intake.channels.open311.wire import Refused
from services.intake.check import Check

MOST_FIELDS: Final = 200
MOST_DESCRIPTION: Final = 4000
_MOST_ANSWER: Final = {DataType.STRING: 200, DataType.TEXT: 2000}
_ATTRIBUTE: Final = re.compile(r"attribute\[([^\[\]]*)\](?:\[\])?")
_TAG: Final = re.compile(r"<[/!?]?[A-Za-z][^<>]*>|<!--")
_PARAMETERS: Final = {
    "reporter.phone": "phone",
    "reporter.email": "email",
    "reporter.name": "first_name, last_name",
    "place.longitude": "long",
    "place.latitude": "lat",
    "place.address": "address_string",
    "place.grid": "address_id",
    "place.building_group": "address_id",
    "text": "description",
    "households": "attribute[households]",
}
"""What a client calls the fields of a case."""
Fields = Mapping[str, Sequence[str]]


def parse(raw: bytes) -> dict[str, list[str]]:
    """Read `application/x-www-form-urlencoded`; an empty parameter equals an absent one. Raises Refused."""
    try:
        pairs = parse_qsl(
            raw.decode("utf-8"), encoding="utf-8", errors="strict", max_num_fields=MOST_FIELDS, separator="&"
        )
    except UnicodeDecodeError:
        raise Refused((400, "The parameters are not UTF-8.")) from None
    except ValueError:
        raise Refused((400, f"There are more than {MOST_FIELDS} parameters.")) from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        if value.strip():
            found.setdefault(name, []).append(value.strip())
    return found


@dataclass(slots=True)
class Reading:
    """One report being read; `faults` fills up."""

    given: Fields
    check: Check
    faults: list[tuple[int, str]] = field(default_factory=list)

    def one(self, name: str) -> str | None:
        """Return a parameter, which may stand there once."""
        values = self.given.get(name, ())
        if len(values) > 1:
            self.fault(f"{name} stands there {len(values)} times; send it once.")
        return values[0] if values else None

    def fault(self, description: str, code: int = 400) -> None:
        """Note what is wrong, and go on."""
        self.faults.append((code, description))


def description_of(given: Fields) -> str:
    """Return the words of a report, whatever else is wrong with it."""
    return "\n".join(given.get("description", ()))


def read_report(given: Fields, offers: Offers, check: Check) -> tuple[Offer, CaseBody]:
    """Return the service and the case. Raises Refused with every fault at once; nothing has happened then."""
    reading = Reading(given, check)
    offer = _offer(reading, offers)
    words = _description(reading)
    answers, households = _answers(reading, offer) if offer is not None else ([], None)
    place = _place(reading)
    content: dict[str, Any] = {
        "title": offer.matter.name if offer is not None else "-",
        "text": "\n".join([*([words] if words else []), *answers]) or (offer.matter.name if offer else "-"),
        "matter": offer.matter.code if offer is not None else None,
        "place": place,
        "households": households,
        "media_url": reading.one("media_url"),
        "reporter": {"name": _name(reading), "phone": reading.one("phone"), "email": reading.one("email")},
    }
    body = _body(reading, content)
    if body is None or offer is None or reading.faults:
        raise Refused(*sorted(reading.faults, key=lambda fault: -fault[0]))
    return offer, body


def _offer(reading: Reading, offers: Offers) -> Offer | None:
    code = reading.one("service_code")
    if code is None:
        reading.fault("service_code was not given. It is one of GET /services.")
        return None
    offer = offers.services.get(code)
    if offer is None:
        reading.fault("service_code was not found. It is one of GET /services.", 404)
    return offer


def _description(reading: Reading) -> str | None:
    words = reading.one("description")
    if words is not None and len(words) > MOST_DESCRIPTION:
        reading.fault(f"description has {len(words)} characters; at most {MOST_DESCRIPTION} are taken.")
    if words is not None and _TAG.search(words):
        reading.fault("description has HTML in it; send plain text.")
    return words


def _name(reading: Reading) -> str | None:
    first, last = reading.one("first_name"), reading.one("last_name")
    if first is None or last is None:
        return first or last
    return f"{first} {last}" if first.isascii() and last.isascii() else f"{last}{first}"


def _place(reading: Reading) -> dict[str, Any]:
    latitude, longitude = (_degrees(reading, name) for name in ("lat", "long"))
    address, code = reading.one("address_string"), reading.one("address_id")
    if not (address or code or reading.given.keys() & {"lat", "long"}):
        reading.fault("A place was not given: send lat and long, or address_string, or address_id.")
    place: dict[str, Any] = {"latitude": latitude, "longitude": longitude, "address": address}
    if code is not None:
        place["building_group" if code in reading.check.around.building_groups else "grid"] = code
    return place


def _degrees(reading: Reading, name: str) -> float | None:
    text = reading.one(name)
    if text is None:
        return None
    with suppress(ValueError):
        if math.isfinite(value := float(text)):
            return value
    reading.fault(f"{name} is no number; send WGS84 degrees, such as 34.26.")
    return None


def _answers(reading: Reading, offer: Offer) -> tuple[list[str], int | None]:
    """Return what was answered to the service's questions, a line each, and the number of households."""
    asked = {attribute.code: attribute for attribute in offer.attributes}
    given: dict[str, list[str]] = {}
    for name, values in reading.given.items():
        if name.startswith("attribute"):
            match = _ATTRIBUTE.fullmatch(name)
            if match is None or match[1] not in asked:
                reading.fault(
                    "An attribute was given that this service does not ask for; see its definition."
                )
            else:
                given.setdefault(match[1], []).extend(values)
    lines: list[str] = []
    households: int | None = None
    for code, attribute in asked.items():
        values = given.get(code, [])
        if not values:
            if code in offer.required:
                reading.fault(f"attribute[{code}] was not given; this service requires it.")
        elif (answer := _answer(reading, attribute, values)) is None:
            continue
        elif attribute.fills == "households":
            households = int(float(answer))
        else:
            lines.append(f"{attribute.description}：{answer}")
    return lines, households


def _answer(reading: Reading, attribute: Attribute, values: list[str]) -> str | None:
    name, right = f"attribute[{attribute.code}]", ""
    if len(values) > 1 and attribute.datatype is not DataType.SOME_OF:
        right = "one value"
    elif attribute.datatype.is_list:
        if all(value in attribute.values for value in values):
            return "、".join(attribute.values[value] for value in dict.fromkeys(values))
        right = f"of the keys {', '.join(attribute.values)}"
    elif attribute.datatype is DataType.NUMBER:
        right = "a number" if attribute.fills is None else "a whole number from 1 to 1000000"
        with suppress(ValueError):
            number = float(values[0])
            if math.isfinite(number) and (attribute.fills is None or _counts(number)):
                return values[0]
    elif attribute.datatype is DataType.DATETIME:
        right = "a moment with its time zone, such as 2026-11-24T18:00:00+08:00"
        if moment(values[0]) is not None:
            return values[0]
    else:
        most = _MOST_ANSWER[attribute.datatype]
        if len(values[0]) <= most and not _TAG.search(values[0]):
            return values[0]
        right = f"plain text of at most {most} characters"
    reading.fault(f"{name} is not usable; send {right}.")
    return None


def _counts(number: float) -> bool:
    return number.is_integer() and 1 <= number <= 1_000_000


def moment(text: str) -> datetime | None:
    """Return an ISO 8601 moment that has its time zone, else None. A plus sign that came as a space is one."""
    with suppress(ValueError):
        found = datetime.fromisoformat(re.sub(r" (\d\d:?\d\d)$", r"+\1", text.strip()))
        if found.tzinfo is not None and "T" in text.upper():
            return found
    return None


def _body(reading: Reading, content: dict[str, Any]) -> CaseBody | None:
    """Return the case, checked against the jurisdiction; None with its faults noted."""
    try:
        body = CaseBody.model_validate(content)
    except ValidationError as error:
        _note(reading, validation_problem(error).errors)
        return None
    check_case(body, reading.check)
    _note(reading, reading.check.errors)
    return body


def _note(reading: Reading, errors: Sequence[FieldError]) -> None:
    """A point outside the district is one fault, though both its numbers are wrong."""
    told = set()
    for error in errors:
        name = _PARAMETERS.get(error.field, error.field)
        if (error.message, error.expected) not in told:
            told.add((error.message, error.expected))
            reading.fault(f"{name} is not usable: {error.message} Send {error.expected}.")
