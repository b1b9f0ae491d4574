"""The desk: turns a checked body into the command that takes the case in, and the answer that goes back."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from chassis.batch import Applied
from chassis.http import Role
from chassis.http.problems import unprocessable
from chassis.idempotency import Answer
from chassis.masking import NAME, mask, mask_names
from chassis.vault import Vault
from reference.gazetteer import Gazetteer
from reference.matcher import Matcher
from schemas.intake import CaseSubmitted, Filing, SubmitCase
from schemas.jurisdiction import Jurisdiction
from schemas.values import (
    Channel,
    Emergency,
    KnowledgeRef,
    OnSiteResolution,
    Place,
    Reach,
    RequestKind,
    Sealed,
)
from services.intake import emergency, places
from services.intake.bodies import (
    CaseBody,
    CoReporterBody,
    PlaceBody,
    ReporterBody,
    check_case,
    read_case,
)
from services.intake.buckets import Buckets
from services.intake.callback_links import CallbackLinks
from services.intake.callers import CHANNELS, Caller, demand_scope, is_of_the_centre
from services.intake.check import Check, Surroundings
from services.intake.domain import IntakeState
from services.intake.guessing import Guesses
from services.intake.ids import PublicNumbers, TrackingCodes, new_id
from services.intake.persons import BlindIndex, PersonalRecord, names_to_hide
from services.intake.rooms import without_rooms
from services.intake.storage import File

FILES_AT_ONCE, FILE_SECONDS = 30, 20.0
ALL_FILES_AT_ONCE, ALL_FILE_SECONDS = 1000, 1.0
"""How many files may come without a log-in, of one address and of all: so many at once, then one every so many
seconds (DES)."""
_OPERATOR_SAYS: Final = "operator"
_REACHES: Final = tuple(Reach)


@dataclass(frozen=True, slots=True)
class Submission:
    """A case on its way in."""

    case_id: UUID
    command: SubmitCase
    to_resident: bool
    tells_repeat: bool = False
    """Whether the caller may hear of an earlier case of the same person: a phone number alone opens nothing."""

    def answer(self, applied: Applied[IntakeState]) -> Answer:
        """Return the answer as it is stored with an Idempotency-Key: all but the tracking code."""
        case = self.command.case
        body: dict[str, Any] = {
            "case_id": self.case_id,
            "received_at": case.received_at,
            "grid": case.place.grid,
            "building_group": case.place.building_group,
        }
        if case.emergency is not None:
            body["emergency"] = emergency.advice(case.emergency, to_resident=self.to_resident)
        if self.tells_repeat and applied.state.repeat_of is not None:
            body["repeat_of"] = applied.state.repeat_of
        return Answer(201, orjson.dumps(body), applied.version)


class Desk:
    """Everything that taking a case in needs, made once."""

    def __init__(
        self,
        around: Surroundings,
        gazetteer: Gazetteer,
        matcher: Matcher,
        vault: Vault,
        index_key: bytes,
        published: frozenset[str] = frozenset(),
    ) -> None:
        self.around = around
        self.vault = vault
        self.published = published
        self.guesses = Guesses()
        self.files = Buckets(FILES_AT_ONCE, FILE_SECONDS)
        self.all_files = Buckets(ALL_FILES_AT_ONCE, ALL_FILE_SECONDS)
        self.codes = TrackingCodes(index_key)
        self.numbers = PublicNumbers(index_key)
        self.links = CallbackLinks(index_key)
        self._gazetteer = gazetteer
        self._matcher = matcher
        self._index = BlindIndex(index_key)

    @property
    def jurisdiction(self) -> Jurisdiction:
        """The jurisdiction whose cases are taken in."""
        return self.around.jurisdiction

    def read(self, raw: bytes, who: Caller, now: datetime) -> Submission:
        """Take one body in. Raises Problem 400, 403 or 422; nothing has happened then."""
        check = Check(self.around, now)
        return self.submission(read_case(CaseBody, raw, check), check, who)

    def submission(self, body: CaseBody, check: Check, who: Caller) -> Submission:
        """Turn a checked body into a command. Raises Problem 403 or 422."""
        _check_role(body, check, who)
        if check.errors:
            raise unprocessable(check.errors)
        title, text, address = _words(body)
        place = places.resolve(body, check, who, self._gazetteer, address or None)
        unit = place.grid or self.jurisdiction.code
        demand_scope(who, unit, self.jurisdiction)
        case_id = new_id(check.now)
        case = self._event(body, check, who, place, title, text)
        filing = self._filing(case_id, case, body, who, unit, check.now)
        command = SubmitCase(case=case, filing=filing, new_facts=body.new_facts)
        return Submission(case_id, command, who.is_resident, self._may_hear_of_repeats(who))

    def joining(
        self, first: File, said: CaseSubmitted, body: CoReporterBody, check: Check, who: Caller
    ) -> Submission:
        """Turn a co-reporter of a case into a command: their own report of the same matter at the same place.

        Raises Problem 422. Units that were found to be interested in the first case are kept from this one, too
        (R-LAD-04).
        """
        whole = CaseBody(
            channel=body.channel,
            kind=said.kind,
            title=said.title,
            text=body.text,
            place=PlaceBody(grid=said.place.grid),
            households=body.households,
            reporter=body.reporter,
            received_at=body.received_at,
            call_id=body.call_id,
        )
        check_case(whole, check)
        made = self.submission(whole, check, who)
        same = {
            "place": said.place,
            "matter": said.matter,
            "track": said.track,
            "parties": said.parties,
            "subjects": tuple(dict.fromkeys((*said.subjects, *first.subjects))),
            "repeat_of": UUID(bytes=first.case_id.bytes),  # a plain one, not the driver's
            "new_facts": made.command.case.emergency
            is not None,  # R-LAD-05: its line gets it as a case of its own
        }
        case = made.command.case.model_copy(update=same)
        filing = made.command.filing.model_copy(update={"unit": first.unit})
        command = made.command.model_copy(update={"case": case, "filing": filing, "joins": True})
        return replace(made, command=command)

    def _may_hear_of_repeats(self, who: Caller) -> bool:
        """R-HOT-14, R-PET-10: whoever is not of the district would learn of a case by naming a person."""
        runs_the_system = who.role is Role.OPS and who.unit in {None, self.jurisdiction.code}
        return runs_the_system or (who.role is Role.OPERATOR and is_of_the_centre(who, self.jurisdiction))

    def _event(
        self, body: CaseBody, check: Check, who: Caller, place: Place, title: str, text: str
    ) -> CaseSubmitted:
        """R-PRIV-01: the building is enough to route by, the door stands in the encrypted record; but who comes
        to help in a danger must find it."""
        reporter = body.reporter
        danger = self._emergency(body, who, title, text)
        if danger is None:
            title, text = without_rooms(title), without_rooms(text)
            if place.address is not None:
                place = place.model_copy(update={"address": without_rooms(place.address)})
        received_at = body.received_at or check.now
        stated = who.channel if who.is_resident else body.channel
        return CaseSubmitted(
            channel=stated or CHANNELS[who.role],
            received_at=received_at,
            kind=body.kind,
            title=title,
            text=text,
            place=place,
            matter=body.matter,
            urgency=body.urgency,
            track=body.track.value if body.track else None,
            parties=body.parties,
            households=body.households,
            subjects=body.subjects,
            emergency=danger,
            resolved=_resolution(body, who, received_at),
            repeat_of=None,
            new_facts=True,
            reachable_by=_ways(reporter),
            anonymous=reporter is not None and reporter.anonymous,
            confidential=reporter is not None and reporter.confidential,
            worker=who.unit if who.role is Role.GRID_WORKER else None,
            attachments=tuple(mask(reference) for reference in body.attachments),
            by=who.actor,
        )

    def _emergency(self, body: CaseBody, who: Caller, title: str, text: str) -> Emergency | None:
        """R-LAD-05, R-HOT-13: declared by staff, else found in the masked words, which it quotes.

        A danger that a grid worker settled on the spot is reported to its line all the same (R-GRD-01).
        """
        if body.emergency_line is not None:
            return Emergency(line=body.emergency_line, ground=_OPERATOR_SAYS)
        if body.resolved is not None and who.role is Role.GRID_WORKER:
            return self._matcher.emergency(title, f"{text}\n{mask(body.resolved.measure)}", settled=True)
        matter = self.jurisdiction.matters.get(body.matter or "")
        if matter is not None and matter.emergency and matter.emergency_line is not None:
            return Emergency(line=matter.emergency_line, ground=matter.name)
        return self._matcher.emergency(title, text)

    def _filing(
        self, case_id: UUID, case: CaseSubmitted, body: CaseBody, who: Caller, unit: str, now: datetime
    ) -> Filing:
        return Filing(
            unit=unit,
            code_digest=self.codes.digest(self.codes.of(case_id)),
            listed=self._is_listed(case),
            sealed=self._sealed(case_id, case, body, now),
            persons=self._persons(body, who),
            call_id=body.call_id,
        )

    def _is_listed(self, case: CaseSubmitted) -> bool:
        """Whether the case may stand in the public list at once; else it may once the router has judged it."""
        if (
            case.matter not in self.published
            or case.subjects
            or case.confidential
            or case.emergency is not None
        ):
            return False
        return not self._matcher.accused(case.title, case.text)

    def _persons(self, body: CaseBody, who: Caller) -> tuple[bytes, ...]:
        """A resident is known by their own account alone: a number that nobody checked could be another person's,
        whose case would then be linked to theirs (R-PET-18)."""
        reporter = body.reporter
        if reporter is not None and reporter.anonymous:
            return ()
        if who.is_resident:
            return self._account(who)
        if reporter is None:
            return ()
        account = f"given:{reporter.account}" if reporter.account else None
        return self._index.persons(reporter.phone, reporter.id_number, account)

    def _sealed(self, case_id: UUID, case: CaseSubmitted, body: CaseBody, now: datetime) -> Sealed | None:
        """Encrypt the reporter, and the words that masking changed; None where there is nothing to protect."""
        reporter = body.reporter
        given = body.place.address
        record = PersonalRecord(
            name=reporter.name if reporter else None,
            phone=reporter.phone if reporter else None,
            id_number=reporter.id_number if reporter else None,
            email=reporter.email if reporter else None,
            wechat=reporter.wechat if reporter else None,
            language=reporter.language if reporter else None,
            media_url=body.media_url,
            title=body.title if body.title != case.title else None,
            text=body.text if body.text != case.text else None,
            address=given if given != case.place.address else None,
        )
        plain = record.dump()
        return self.vault.seal(case_id, new_id(now), plain) if plain != b"{}" else None

    def address_refs(self, record: PersonalRecord) -> dict[str, str]:
        """Return a name for each address of a reporter, by which who opts out is known again."""
        given = {way: getattr(record, way) for way in Reach}
        return {way.value: self._index.address(way, value) for way, value in given.items() if value}

    def principal(self, who: Caller) -> str:
        """Under which name the answers to a caller's keys are kept: of a resident, whose account may be a phone
        number, a keyed digest (R-PRIV-01)."""
        return self._account(who)[0].hex() if who.is_resident else who.recorded_as

    def _account(self, who: Caller) -> tuple[bytes, ...]:
        return self._index.persons(None, None, f"resident:{who.subject}")

    def revealed(self, stored: bytes) -> dict[str, Any]:
        """Return a stored answer with the tracking code, which is never stored."""
        answer: dict[str, Any] = orjson.loads(stored)
        case_id = answer.pop("case_id")
        return {"case_id": case_id, "tracking_code": self.codes.of(UUID(case_id))} | answer

    def alarm(self, text: str) -> Emergency | None:
        """Return the danger that the words of a new report tell of as happening now; nothing is taken in."""
        return self._matcher.emergency("", mask(text))

    def knows(self, address: str) -> bool:
        """Whether the gazetteer finds the grid of an address."""
        return self._gazetteer.locate(mask(address)) is not None

    def danger(self, masked: str) -> Emergency | None:
        """Return the danger in masked words about a case, reported as happening now (R-LAD-05, R-HOT-13)."""
        return self._matcher.emergency("", masked, added=True)

    def seal_text(self, case_id: UUID, text: str, masked: str, now: datetime) -> Sealed | None:
        """Encrypt the words of a supplement, where masking changed them."""
        if text == masked:
            return None
        return self.vault.seal(case_id, new_id(now), PersonalRecord(supplement=text).dump())


def _words(body: CaseBody) -> tuple[str, str, str]:
    """Return title, text and address, masked: a name that one of them announces stands in none (R-PRIV-01)."""
    given = (body.title, body.text, body.place.address or "")
    masked = [mask(each) if each else "" for each in given]
    own = body.reporter.name if body.reporter is not None else None
    names = names_to_hide(own, *(given if any(NAME in each for each in masked) else ()))
    title, text, address = (mask_names(each, names) for each in masked)
    return title, text, address


def _ways(reporter: ReporterBody | None) -> tuple[Reach, ...]:
    return tuple([way for way in _REACHES if getattr(reporter, way)]) if reporter is not None else ()


def _check_role(body: CaseBody, check: Check, who: Caller) -> None:
    """Refuse what only staff, only grid workers or only ops may state."""
    if who.is_resident:
        for name in ("urgency", "emergency_line") if who.system else ("matter", "urgency", "emergency_line"):
            if getattr(body, name) is not None:
                check.fault(name, "Only staff may state this.", "leave it out")
        if body.reporter is not None and body.reporter.account is not None:
            check.fault("reporter.account", "You are known by your own account.", "leave it out")
        if body.reporter is not None and body.reporter.wechat and who.channel is not Channel.WECHAT:
            told = "An openid that nobody checked could be another person's."
            check.fault("reporter.wechat", told, "leave it out; write to the official account instead")
    if body.received_at is not None and who.role is Role.GRID_WORKER:
        check.upload("received_at", body.received_at)
    if body.location is not None and who.role is not Role.GRID_WORKER:
        check.fault("location", "Only a grid worker may state this (R-GRD-01).", "leave it out")
    if body.resolved is not None and not _may_settle(body, who):
        told = (
            "Only a grid worker settles on the spot (R-GRD-01); an operator answers consultations (R-HOT-02)."
        )
        check.fault("resolved", told, "leave it out; an operator: with `kind` consult only")
    if body.call_id is not None and who.role is not Role.OPERATOR:
        check.fault("call_id", "Only an operator takes calls (R-HOT-01).", "leave it out")
    if body.resolved is not None and body.resolved.knowledge is not None and who.role is not Role.OPERATOR:
        told = "Only an operator answers from the knowledge base (R-HOT-02)."
        check.fault("resolved.knowledge", told, "leave it out")
    if body.place.source is not None:
        if who.role is not Role.OPS:
            check.fault("place.source", "Only the role ops imports trial data.", "leave it out")
        elif body.place.grid is None:
            check.fault("place.grid", "A sampled place is a grid.", "the code of the sampled grid")


def _may_settle(body: CaseBody, who: Caller) -> bool:
    return who.role is Role.GRID_WORKER or (who.role is Role.OPERATOR and body.kind is RequestKind.CONSULT)


def _resolution(body: CaseBody, who: Caller, received_at: datetime) -> OnSiteResolution | None:
    if body.resolved is None or who.unit is None:
        return None
    told = body.resolved.knowledge
    return OnSiteResolution(
        unit=who.unit,
        measure=mask(body.resolved.measure),
        resolved_at=body.resolved.resolved_at or received_at,
        knowledge=KnowledgeRef(entry=told.entry, version=told.version) if told is not None else None,
    )
