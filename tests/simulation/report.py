"""What came of a simulation, in words: the same for the same seed, to the byte."""

from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from uuid import UUID

from schemas import router as r
from schemas.message import Event
from services.router.domain import WorkOrder
from tests.simulation.run import START, Run

_TRACKS = ("S", "M", "P", "L")


def report(run: Run) -> str:
    """The whole report."""
    return "\n".join([*_lines(run), ""])


def _lines(run: Run) -> Iterator[str]:
    world = run.world
    yield f"{run.days} days from {START:%Y-%m-%d}, {run.cases} cases, seed {run.seed}"
    yield ""
    yield from _table("How the cases ended, by the track that they were on", _endings(run))
    yield ""
    yield from _table("Late, by track", _late(run))
    yield ""
    yield from _counts("On the way", _turns(run))
    yield ""
    yield from _counts("Figures of all units (R-HOT-09, R-KPI-01)", _figures(run))
    yield ""
    yield from _counts("Refused, in words, without effect", run.refusals)
    yield ""
    events = Counter(record.source for record in world.log)
    yield from _counts("Events", events)
    yield f"  {world.timers_fired} timers fired, the latest {world.most_late} after its moment;"
    yield f"  {world.duplicates} records came twice and were passed over"
    yield ""
    yield from _counts("Held, each time", run.checks.made)
    digest = sha256()
    for record in world.log:
        line = (
            f"{record.at.isoformat()} {record.source} {record.case_id} {record.sequence} {record.event.type}"
        )
        digest.update(line.encode())
        digest.update(record.event.model_dump_json().encode())
    yield ""
    yield f"sha256 of all events {digest.hexdigest()}"


def _states(run: Run) -> dict[UUID, WorkOrder]:
    cases = run.world.services["router"].cases
    return {case_id: case.state for case_id, case in cases.items() if case.state.status is not None}


def _endings(run: Run) -> Counter[tuple[str, str]]:
    said: dict[UUID, str] = {}
    for record in run.world.log:
        if record.source == "router" and (words := _ending(record.event)) is not None:
            said[record.case_id] = words
    states = _states(run)
    return Counter(
        (said.get(case_id) or f"open: {state.status}", state.track) for case_id, state in states.items()
    )


def _ending(event: Event) -> str | None:
    """The ending that an event is; an empty text where it opens the case again."""
    match event:
        case r.CaseClosed():
            ended = event.outcome is r.Outcome.UNSATISFIED and not event.review_offered
            return "closed: ended by law" if ended else f"closed: {event.outcome}"
        case r.CaseRedirected():
            return f"exit: {event.exit.code}"
        case r.CaseAnswered():
            return f"answered: {event.judged}"
        case r.CaseLinked():
            return "linked to an earlier case"
        case r.EmergencyConfirmed():
            return f"taken over by {event.line}"
        case r.Disposition():
            return ""
    return None


def _late(run: Run) -> Counter[tuple[str, str]]:
    states = _states(run)
    found: Counter[tuple[str, str]] = Counter()
    cases: dict[str, set[UUID]] = {}
    for record in run.world.log:
        what = {
            r.DeadlineReminded: "reminders",
            r.DeadlineBreached: "handling times that passed",
            r.CaseSupervised: "supervisions",
        }.get(type(record.event))
        if what is None:
            continue
        track = states[record.case_id].track
        found[what, track] += 1
        if what == "handling times that passed" and record.case_id not in cases.setdefault(track, set()):
            cases[track].add(record.case_id)
            found["cases with such a time", track] += 1
    return found


def _turns(run: Run) -> Counter[str]:
    found: Counter[str] = Counter()
    for record in run.world.log:
        match record.event:
            case r.CaseEscalated(ground=ground):
                found[f"climbed: {ground}"] += 1
            case r.TriageQueued(taken_from=str()):
                found["taken from whom further words accuse"] += 1
            case r.TrackChosen(track=track):
                found[f"chose track {track}"] += 1
            case r.ProcedureAdvanced(procedure=procedure, entered=True):
                found[f"entered {procedure}"] += 1
            case r.ProcedureEnded(procedure=procedure, result=result):
                found[f"{procedure} gave back: {result}"] += 1
            case r.AssignmentObjected():
                found["objections"] += 1
            case r.RedoOrdered():
                found["redone"] += 1
            case r.CallbackRecorded(last=True):
                found["not reached for a callback"] += 1
            case r.LawfulReviewOffered():
                found["offered the lawful review"] += 1
            case r.CaseReopened():
                found["reopened"] += 1
            case r.EmergencyTransferred():
                found["transferred to an emergency line"] += 1
    return found


def _figures(run: Run) -> Counter[str]:
    found: Counter[str] = Counter()
    for (_, measure), number in run.checks.figures.items():
        found[measure] += number
    return found


def _table(title: str, found: Counter[tuple[str, str]]) -> Iterator[str]:
    yield f"{title:<48}" + "".join(f"{track:>7}" for track in (*_TRACKS, "all"))
    rows = Counter[str]()
    for (what, _), number in found.items():
        rows[what] += number
    for what in sorted(rows):
        cells = "".join(f"{found[what, track]:>7}" for track in _TRACKS)
        yield f"  {what:<46}{cells}{rows[what]:>7}"


def _counts(title: str, found: Counter[str]) -> Iterator[str]:
    yield title
    for what in sorted(found):
        yield f"  {what:<46}{found[what]:>7}"
