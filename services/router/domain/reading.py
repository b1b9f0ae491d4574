"""What a submission is about: triage, and the units that it names (R-HOT-02)."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from pydantic import TypeAdapter

from schemas.intake import CaseSubmitted
from schemas.jurisdiction import Jurisdiction, Matter
from schemas.router import Candidate, Judgement, QueueReason, Registration, TriagedBy
from schemas.values import Emergency, Place
from services.router.domain.case import Desk
from services.router.domain.workorder import WorkOrder, judged_anew

NO_MATTER_URGENCY: Final = 3
_CANDIDATES: Final = TypeAdapter(tuple[Candidate, ...])


class Scored(Protocol):
    """A matter that the triage engine considered."""

    @property
    def matter(self) -> str: ...
    @property
    def score(self) -> float: ...


class Found(Protocol):
    """What the triage engine says of a text: candidates best first, confidence 0 to 1, words that fired."""

    @property
    def candidates(self) -> Sequence[Scored]: ...
    @property
    def confidence(self) -> float: ...
    @property
    def words(self) -> tuple[str, ...]: ...


class Triage(Protocol):
    """Text to matter and accused units; pure once built. A trained model can take this seat."""

    def match(self, title: str, text: str) -> Found:
        """Say what the text is about."""
        ...

    def accused(self, title: str, text: str) -> tuple[str, ...]:
        """Say which units the text complains of."""
        ...

    def emergency(self, title: str, text: str, *, added: bool = False) -> Emergency | None:
        """Say which danger the text reports as happening now; `added`: it was added to a case."""
        ...

    def is_accusation(self, title: str, text: str) -> bool:
        """Say whether the text holds accusation material, whatever else it is about (R-PET-10)."""
        ...

    def accuses_an_office(self, title: str, text: str) -> bool:
        """Say whether the text complains of an office without its name."""
        ...


class Reading(NamedTuple):
    """What a submission is found to be. `doubt`: why a human must look at it, if there is a reason."""

    found: Registration
    doubt: QueueReason | None
    accused: bool
    """Whether its words complain of a unit, named or not, while staff named none (R-LAD-04, R-HOT-14)."""


class Reader:
    """Reads submissions; what it cannot be sure of is a doubt for a human."""

    def __init__(self, desk: Desk, triage: Triage) -> None:
        self._desk, self._triage = desk, triage

    def read(self, e: CaseSubmitted) -> Reading:
        """What the submission is found to be, and whether a human must look at it.

        R-LAD-04, R-HOT-14: who is accused in the words only counts as complained of until a human says. Not so of
        sealed matter: it goes to its one recipient without a human, and residents often name just that (R-PET-10).
        """
        accused = () if e.subjects else self._triage.accused(e.title, e.text)
        judgement, doubt = self._judgement(e, accused)
        place, strange = _place(e.place, self._desk)
        parties, outside = territorial(e.parties, self._desk.jurisdiction)
        if strange or outside or not self._desk.jurisdiction.units.keys() >= set(e.subjects):
            doubt = QueueReason.UNKNOWN_UNIT
        matter = self._desk.jurisdiction.matters[judgement.matter] if judgement.matter else None
        sealed = matter is not None and matter.sealed
        complains = not sealed and (bool(accused) or self._accuses_an_office(e, matter, doubt))
        if complains and doubt is not None:
            doubt = QueueReason.POLICY  # whom it accuses matters more than what else is not sure
        found = Registration(
            judgement=judgement,
            kind=e.kind,
            place=self._desk.ladder.narrowed(place, parties),
            parties=parties,
            subjects=self._desk.ladder.with_successors(e.subjects or (() if sealed else accused)),
            households=e.households,
            sealed=sealed,
            confidential=e.confidential,
            track_asked=e.track,
            urgency_stated=e.urgency,
            channel=e.channel,
        )
        return Reading(found, doubt, complains)

    def further(self, state: WorkOrder, text: str) -> Reading:
        """What a case that waits for a human is found to be with a text that was added to it; it goes on waiting.

        The first text is not at hand here, so its matter stands unless nothing was found in it, or the added text
        alone makes triage sure.
        """
        accused = self._triage.accused("", text)
        judgement = self._judged_further(state, text)
        matter = self._desk.jurisdiction.matters[judgement.matter] if judgement.matter else None
        complains = bool(accused) or self._triage.accuses_an_office("", text)
        if complains or self._triage.is_accusation("", text):
            reason: QueueReason | None = QueueReason.POLICY
        else:
            reason = state.queue
        found = judged_anew(
            state,
            judgement,
            sealed=state.sealed or (matter is not None and matter.sealed),
            urgency_stated=state.urgency_stated,
        )
        subjects = self._desk.ladder.with_successors((*state.subjects, *accused))
        return Reading(found.model_copy(update={"subjects": subjects}), reason, complains)

    def _judged_further(self, state: WorkOrder, text: str) -> Judgement:
        if state.queue is QueueReason.LOW_CONFIDENCE and not state.sealed:
            found, ranked, sure = self._match("", text)
            if ranked and (state.matter is None or sure):
                return self._by_engine(found, ranked, state.track_asked, state.urgency_stated, sure=False)
        return standing(state, confidence=0.0)

    def _accuses_an_office(self, e: CaseSubmitted, matter: Matter | None, doubt: QueueReason | None) -> bool:
        """Whether it complains of an office without its name: sent on, it could reach that very office.

        What the petition office handles itself reaches no other; what only may be such a matter, a human can send
        anywhere.
        """
        petition = self._desk.policy.settings.units.petition
        is_theirs = matter is not None and matter.responsible[matter.entry] == petition
        if e.subjects or (doubt is None and is_theirs):
            return False
        return self._triage.accuses_an_office(e.title, e.text)

    def _judgement(self, e: CaseSubmitted, accused: tuple[str, ...]) -> tuple[Judgement, QueueReason | None]:
        matters = self._desk.jurisdiction.matters
        if e.matter is not None:
            matter = matters.get(e.matter)
            doubt = None if matter else QueueReason.UNKNOWN_MATTER
            if matter is not None and not matter.sealed and self._triage.is_accusation(e.title, e.text):
                doubt = QueueReason.POLICY  # R-PET-10: as what staff named it, it could reach whom it accuses
            return judge(TriagedBy.STAFF, matter, e.track, e.urgency), doubt
        found, ranked, sure = self._match(e.title, e.text)
        judged = self._by_engine(found, ranked, e.track, e.urgency, sure=sure and not accused)
        return judged, None if sure else QueueReason.LOW_CONFIDENCE

    def _match(self, title: str, text: str) -> tuple[Found, list[Scored], bool]:
        """What the text is about, the candidates that the catalogue knows, and whether the best of them is sure."""
        found = self._triage.match(title, text)
        ranked = [c for c in found.candidates if c.matter in self._desk.jurisdiction.matters]
        return found, ranked, bool(ranked) and found.confidence >= self._desk.policy.settings.confidence

    def _by_engine(
        self, found: Found, ranked: Sequence[Scored], track: str | None, urgency: int | None, *, sure: bool
    ) -> Judgement:
        """The best of `ranked`, those that the catalogue knows. `sure`: no human will look at the others."""
        best = self._desk.jurisdiction.matters[ranked[0].matter] if ranked else None
        told = best is None or not best.sealed
        return judge(
            TriagedBy.ENGINE,
            best,
            track,
            urgency,
            confidence=found.confidence,
            words=found.words if told else (),
            candidates=_ranked(ranked, sure=sure) if told else (),
        )


def judge(
    by: TriagedBy,
    matter: Matter | None,
    track: str | None,
    urgency: int | None,
    *,
    confidence: float | None = None,
    words: tuple[str, ...] = (),
    candidates: tuple[Candidate, ...] = (),
) -> Judgement:
    """The catalogue's word on the matter, unless staff or resident said otherwise (R-LAD-09 for the track).

    A danger is dealt with first, by whom the catalogue says (R-LAD-05); the resident can choose a track after that.
    `confidence`: None for a human's, who is sure of a matter they name.
    """
    danger = matter is not None and matter.emergency
    return Judgement(
        by=by,
        matter=matter.code if matter else None,
        track=(None if danger else track) or (matter.track if matter else "S"),
        urgency=urgency or (matter.urgency if matter else NO_MATTER_URGENCY),
        confidence=(1.0 if matter else 0.0) if confidence is None else confidence,
        words=words,
        candidates=candidates,
    )


def standing(state: WorkOrder, confidence: float, candidates: tuple[Candidate, ...] = ()) -> Judgement:
    """What the case is judged to be so far, for the human at the queue."""
    return Judgement(
        by=TriagedBy.ENGINE,
        matter=state.matter,
        track=state.track,
        urgency=state.urgency,
        confidence=confidence,
        candidates=candidates,
    )


def _ranked(candidates: Sequence[Scored], *, sure: bool) -> tuple[Candidate, ...]:
    """For the human at the queue; a sure case needs none."""
    if sure:
        return ()
    return _CANDIDATES.validate_python([{"matter": c.matter, "score": c.score} for c in candidates])


def _place(place: Place, desk: Desk) -> tuple[str, bool]:
    """The most precise known unit of the place, the district where there is none; and whether one was strange."""
    units = desk.jurisdiction.units
    named = [code for code in (place.building_group, place.grid) if code is not None]
    known = [code for code in named if code in units and units[code].rung is not None]
    return (known[0] if known else desk.ladder.district), len(known) < len(named)


def territorial(codes: Sequence[str], jurisdiction: Jurisdiction) -> tuple[tuple[str, ...], bool]:
    """Those of the codes that are territorial units, and whether some are not."""
    units = jurisdiction.units
    known = tuple(code for code in codes if code in units and units[code].rung is not None)
    return known, len(known) < len(codes)
