"""From the command bus's reply to an HTTP answer, or to the problem that says why there was no effect."""

import logging
import secrets
from collections.abc import Callable
from typing import Final, TypeVar

from chassis.batch import Applied, Failed, Stale, describe
from chassis.commands import Reply, Unavailable
from chassis.decider import Refused
from chassis.http import problems
from chassis.http.conditional import check_version
from chassis.http.problems import Problem, internal
from chassis.idempotency import Answer, KeyReused, Replay
from chassis.metrics import Metrics

S = TypeVar("S")
OUTCOMES: Final = ("accepted", "replayed", "refused", "conflict", "failed")

_log = logging.getLogger(__name__)


def settled(
    metrics: Metrics,
    reply: Reply[S],
    answer: Callable[[Applied[S]], Answer],
    refusal: Callable[[Refused], Problem],
) -> Answer:
    """Return the answer to a command that took effect, now or before, and count the outcome.

    `answer` builds that of a fresh effect, `refusal` the problem of a decider's no. Raises Problem: 412 for a
    version that has passed, 422 for an Idempotency-Key of another request, 500 for a defect of ours.
    """
    match reply:
        case Applied():
            metrics.count("commands", 1, "accepted")
            return answer(reply)
        case Replay(answer=again):
            metrics.count("commands", 1, "replayed")
            return again
        case Refused():
            metrics.count("commands", 1, "refused")
            raise refusal(reply)
        case Stale(version=version):
            metrics.count("commands", 1, "conflict")
            check_version(frozenset(), version)
        case KeyReused():
            metrics.count("commands", 1, "conflict")
            raise key_reused()
        case Failed(error=error):
            metrics.count("commands", 1, "failed")
            incident = secrets.token_hex(8)
            _log.error("a command failed: %s", describe(error), extra={"incident": incident})
            raise internal(incident)
    raise AssertionError("unreachable")


def key_reused() -> Problem:
    """422 for an Idempotency-Key that came with another request before."""
    detail = "This Idempotency-Key was used for another request; take a new key for a new request."
    return Problem(422, "idempotency_key_reused", "The Idempotency-Key was used before", detail)


def unavailable(error: Unavailable) -> Problem:
    """503: nothing has happened; try again."""
    return problems.unavailable(
        f"The request was not taken and had no effect: {error}. Send it again in a moment."
    )
