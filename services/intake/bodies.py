"""The bodies that intake's HTTP routes take, checked against the jurisdiction while they are parsed."""

from contextlib import suppress
from typing import Annotated, Any, Final, Literal, TypeVar
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError, from_json

from chassis.http import validation_problem
from chassis.http.problems import demand_single_keys, unprocessable
from schemas.jurisdiction import Track
from schemas.message import Instant
from schemas.values import Channel, RequestKind
from schemas.written import Name, Note, Storable, Written
from services.intake.check import Check
from services.intake.examples import CASE_EXAMPLES

C = TypeVar("C", bound="CaseBody")
_MOST_PARTIES: Final = 50
_MOST_SUBJECTS: Final = 20
MOST_CONTACTS: Final = 500


def _written(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """Take an instant as people write it: never a number, which may count seconds or milliseconds."""
    with suppress(ValidationError):
        if isinstance(value, str) and not value.isdecimal():
            return read(value)
    raise PydanticCustomError(
        "written_otherwise",
        "String should be a valid datetime, of a day that exists and with its time zone: 2026-11-24T09:30:00+08:00",
    )


Moment = Annotated[Instant, WrapValidator(_written)]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), Storable]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000), Storable]
Address = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), Storable]
Account = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), Storable]
Attachment = Annotated[str, StringConstraints(min_length=1, max_length=256), Storable]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, description="WGS84 degrees")]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, description="WGS84 degrees")]
Code = Annotated[str, Field(min_length=1, max_length=64)]
Phone = Annotated[
    str,
    Written(
        r"^\+?[0-9０-９](?:[ \-－()（）]{0,2}[0-9０-９]){5,19}$", "6 to 20 digits, such as 0516-83712345"
    ),
    Field(description="6 to 20 digits"),
]
Email = Annotated[
    str,
    Written(
        r"^[!#-+\--9=?A-~]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+$",
        "an e-mail address, such as wang@example.cn",
    ),
    Field(max_length=254, description="an e-mail address"),
]
OpenId = Annotated[
    str,
    Written(r"^[A-Za-z0-9_-]{6,64}$", "the openid that the official account knows the follower by"),
    Field(description="6 to 64 letters, digits, hyphens and underscores"),
]
IdNumber = Annotated[
    str,
    Written(r"^[0-9A-Za-z]{5,30}$", "5 to 30 letters and digits without spaces, such as E12345678"),
    Field(description="5 to 30 letters and digits"),
]
Key = Annotated[
    str, Written(r"^[!-~]{1,255}$", "1 to 255 visible ASCII characters without spaces, such as call-77")
]


MediaUrl = Annotated[
    str,
    Written(
        r"^https?://[!-~]{1,1000}$", "an http or https address without spaces, of at most 1000 characters"
    ),
]


class Body(BaseModel):
    """The base of all bodies: an unknown field is refused, for it is most likely misspelt."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class PlaceBody(Body):
    """Where the matter lies. What is stated counts first, then the coordinates, then the address."""

    longitude: Longitude | None = None
    latitude: Latitude | None = None
    address: Address | None = None
    grid: Code | None = None
    building_group: Code | None = Field(
        default=None, description="楼组; by default that of the building which the address names"
    )
    source: Literal["sampled"] | None = Field(
        default=None, description="`sampled`, with a grid: drawn by lot for trial data (role ops)"
    )


class PointBody(Body):
    """Where a grid worker stands: the place of the matter, where `place` names none."""

    longitude: Longitude
    latitude: Latitude


class ReporterBody(Body):
    """Who reports. All of it is stored encrypted and enters no event."""

    name: Name | None = None
    phone: Phone | None = None
    id_number: IdNumber | None = None
    email: Email | None = None
    wechat: OpenId | None = Field(default=None, description="openid of the follower of our official account")
    language: Literal["zh", "en"] | None = Field(
        default=None, description="in which the reporter is told of the case; by default Chinese"
    )
    account: Account | None = Field(
        default=None,
        description="how the sending system knows the reporter; only indexed, to find repeats (staff)",
    )
    anonymous: StrictBool = Field(
        default=False, description="nothing about the reporter is stored; send no identity"
    )
    confidential: StrictBool = Field(default=False, description="only the responsible unit may read the text")


class KnowledgeBody(Body):
    """The entry of the knowledge base that the caller was told, in the version that you read (R-HOT-15)."""

    entry: Code
    version: Annotated[int, Field(ge=1, le=1_000_000)]


class ResolvedBody(Body):
    """A grid worker has settled the matter on the spot (R-GRD-01), an operator answered on the call (R-HOT-02)."""

    measure: Note
    resolved_at: Moment | None = None
    knowledge: KnowledgeBody | None = Field(
        default=None, description="what the answer was taken from (operator)"
    )


class CaseBody(Body):
    """A matter of a resident."""

    model_config = ConfigDict(json_schema_extra={"examples": CASE_EXAMPLES})

    channel: Channel | None = Field(default=None, description="by default hotline, web or grid, by your role")
    kind: RequestKind = RequestKind.COMPLAIN
    title: Title
    text: Text
    place: PlaceBody = PlaceBody()
    matter: Code | None = Field(default=None, description="matter code (staff)")
    urgency: int | None = Field(
        default=None, strict=True, ge=1, le=4, description="1 life or property … 4 complex (staff)"
    )
    track: Track | None = Field(
        default=None, description="S, M, P or L: the track that the resident asks for"
    )
    parties: tuple[Code, ...] = Field(default=(), max_length=_MOST_PARTIES)
    households: int | None = Field(default=None, strict=True, ge=1, le=1_000_000)
    subjects: tuple[Code, ...] = Field(default=(), max_length=_MOST_SUBJECTS)
    reporter: ReporterBody | None = None
    received_at: Moment | None = Field(default=None, description="when the resident spoke; by default now")
    emergency_line: Literal["110", "119", "120", "122"] | None = None
    new_facts: StrictBool | None = None
    resolved: ResolvedBody | None = None
    location: PointBody | None = None
    attachments: tuple[Attachment, ...] = Field(
        default=(), max_length=20, description="references to documents, such as a scanned letter"
    )
    media_url: MediaUrl | None = Field(
        default=None, description="where a picture lies; stored encrypted as it is, never fetched"
    )
    call_id: UUID | None = Field(default=None, description="the call in which it was told (operator)")


class LineBody(CaseBody):
    """One line of a batch: a case, and optionally the key under which it may be repeated."""

    idempotency_key: Key | None = None


class SupplementBody(Body):
    """Further facts. `attachments` are references to documents, never their contents."""

    text: Text
    new_facts: StrictBool = True
    attachments: tuple[Attachment, ...] = Field(default=(), max_length=20)


class CoReporterBody(Body):
    """A further caller with the same incident. `text`: what they say that matters, if anything."""

    reporter: ReporterBody
    text: Text = "来电人反映同一事件。"
    households: int | None = Field(default=None, strict=True, ge=1, le=1_000_000)
    received_at: Moment | None = None
    channel: Channel | None = None
    call_id: UUID | None = None


class WithdrawalBody(Body):
    """The resident takes the case back."""

    reason: Note | None = None


class FeedbackBody(Body):
    """R-HOT-09: whether the resident was contacted, whether the matter is resolved, whether they are satisfied."""

    contacted: StrictBool
    resolved: StrictBool
    satisfied: StrictBool
    note: Note | None = None


class WhoseContact(Body):
    """The reporter of `report`, who is to be told of `case_id`: the same case, or one that it is linked to."""

    case_id: UUID
    report: UUID


class ContactsBody(Body):
    """Whom the notices of one moment go to."""

    purpose: Note
    contacts: tuple[WhoseContact, ...] = Field(min_length=1, max_length=MOST_CONTACTS)


class PublicPlaceBody(Body):
    """Where the matter lies, as a resident says it."""

    longitude: Longitude | None = None
    latitude: Latitude | None = None
    address: Address | None = None


class PublicReporterBody(Body):
    """Who reports, if they like to say. All of it is stored encrypted and enters no event."""

    name: Name | None = None
    phone: Phone | None = None
    email: Email | None = None
    confidential: StrictBool = Field(default=False, description="only the responsible unit may read the text")


class PublicBody(Body):
    """A matter of a resident without a log-in. `website` is a trap for programs: leave it empty."""

    form_token: Annotated[str, Field(max_length=200)]
    website: Annotated[str, Field(max_length=200)] = ""
    kind: RequestKind = RequestKind.COMPLAIN
    text: Text
    place: PublicPlaceBody = PublicPlaceBody()
    reporter: PublicReporterBody | None = None


class AnswerBody(FeedbackBody):
    """The same by a signed link, where a note may be a single character or none."""

    note: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), Storable] | None = None


class ReopeningBody(Body):
    """R-HOT-08: what is not settled."""

    reason: Note


class ErasureBody(Body):
    """Why the personal data go."""

    reason: Note


def read_case(model: type[C], raw: bytes, check: Check) -> C:
    """Parse a submission and check it against the jurisdiction.

    Raises Problem: 400 for broken JSON, 422 naming every field that is wrong, all at once.
    """
    try:
        body = model.model_validate_json(raw)
    except ValidationError as error:
        problem = validation_problem(error, raw)
        if problem.status_code != 422:
            raise problem from None
        _check_rest(model, raw, error, check)
        raise unprocessable([*problem.errors, *check.errors]) from None
    demand_single_keys(raw)
    check_case(body, check)
    return body


def check_case(body: CaseBody, check: Check) -> None:
    """Note every field that does not fit the jurisdiction; `check.located` is set from the coordinates."""
    place = body.place
    if place.grid is not None:
        check.grid("place.grid", place.grid)
    if place.building_group is not None:
        check.building_group("place.building_group", place.building_group, place.grid)
    if body.location is not None:
        check.point("location", body.location.longitude, body.location.latitude)
    if place.longitude is not None or place.latitude is not None:
        check.point("place", place.longitude, place.latitude)
    if body.matter is not None:
        check.matter("matter", body.matter)
    if body.parties:
        check.territories("parties", body.parties)
    if body.subjects:
        check.units("subjects", body.subjects)
    if body.received_at is not None:
        check.moment("received_at", body.received_at)
    if body.resolved is not None and body.resolved.resolved_at is not None:
        check.moment("resolved.resolved_at", body.resolved.resolved_at)
    if body.reporter is not None:
        _check_reporter(body.reporter, check)


def _check_reporter(reporter: ReporterBody, check: Check) -> None:
    named = (
        reporter.name,
        reporter.phone,
        reporter.id_number,
        reporter.account,
        reporter.email,
        reporter.wechat,
    )
    if reporter.anonymous and any(named):
        check.fault(
            "reporter.anonymous",
            "An anonymous reporter has no name, phone, id_number, account, email or wechat.",
            "leave those out, or set confidential instead of anonymous",
        )


def _check_rest(model: type[CaseBody], raw: bytes, error: ValidationError, check: Check) -> None:
    """Check what is left of a submission without its malformed fields."""
    rest = from_json(raw)  # the parser that has just taken it; another may balk at what this one takes
    if not isinstance(rest, dict):
        return
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        _drop(rest, fault["loc"])
    with suppress(ValidationError):
        check_case(model.model_validate({"title": "-", "text": "-"} | rest), check)


def _drop(rest: dict[str, Any], loc: tuple[int | str, ...]) -> None:
    """Remove the field at `loc`; of coordinates both, of a list the whole."""
    inner = rest.get(str(loc[0])) if loc[0] == "place" and len(loc) > 1 else None
    if not isinstance(inner, dict):
        rest.pop(str(loc[0]), None)
        return
    for name in ("longitude", "latitude") if loc[1] in ("longitude", "latitude") else (str(loc[1]),):
        inner.pop(name, None)
