"""`GET /v1/similar`: asked again at every few characters that an operator types."""

from typing import Annotated, Final

from fastapi import FastAPI, Query, Response

from chassis.host import Host
from chassis.http import Principal, Role, allow
from services.intake.callers import Caller, caller, reaches
from services.intake.domain import IntakeState
from services.intake.similar.follow import Follower
from services.intake.similar.found import SimilarCase, shown
from services.intake.similar.index import Index, Wanted
from services.intake.similar.spots import Spots
from services.intake.views import View

LOOKING: Final = (Role.OPERATOR, Role.SUPERVISOR, Role.OPS)
MOST_SHOWN: Final = 20
_ROUNDS: Final = (2, 20, 60)
"""How many of the best are looked at, as often as shown; more where too few of those may be shown."""
Looker = Annotated[Principal, allow(*LOOKING)]
Words = Annotated[
    str, Query(min_length=1, max_length=1000, description="what the caller says; two characters do")
]
Where = Annotated[
    str | None,
    Query(max_length=500, description="a grid's code, `longitude,latitude`, or an address as people say it"),
]
Most = Annotated[int, Query(ge=1, le=MOST_SHOWN)]


class SimilarCases(View):
    """The cases, the likeliest first. `grid`: where `place` was understood to lie; null: all places count alike."""

    cases: tuple[SimilarCase, ...]
    grid: str | None
    complete: bool
    """False for a while after a start: older cases are still being read."""


class Similar:
    """The index of this process, the worker that keeps it up, and what a caller may find in it."""

    def __init__(self, host: Host[IntakeState], spots: Spots) -> None:
        self.index = Index()
        self.follower = Follower(lambda: host.pool, host.clock, self.index, spots)
        self._host = host
        self._spots = spots

    async def find(self, who: Caller, text: str, place: str | None, most: int) -> SimilarCases:
        """Return what fits and may be seen."""
        jurisdiction = self._spots.jurisdiction
        there = self._spots.read(place) if place else None
        around = there[1] if there else None
        now, units = self._host.clock(), None
        if not reaches(who, jurisdiction.code, jurisdiction):
            units = self._spots.visible(lambda unit: reaches(who, unit, jurisdiction))
        cases: list[SimilarCase] = []
        for look_at in (times * most for times in _ROUNDS):
            hits = self.index.search(Wanted(text, now, around, units, look_at))
            cases = await shown(self._host.pool, hits, who, jurisdiction, most)
            if len(cases) >= most or len(hits) < look_at:
                break
        return SimilarCases(
            cases=tuple(cases), grid=there[0] if there else None, complete=self.follower.is_complete
        )


def add_similar_routes(app: FastAPI, host: Host[IntakeState], spots: Spots) -> None:
    """Add `GET /v1/similar`, and the worker that keeps its index up."""
    similar = Similar(host, spots)
    host.add_worker(similar.follower)

    @app.get("/v1/similar", tags=["hotline"], summary="Cases of the same incident, nearby and recent")
    async def find(
        principal: Looker, response: Response, text: Words, place: Where = None, limit: Most = 10
    ) -> SimilarCases:
        response.headers["Cache-Control"] = "no-store"
        who = caller(principal, spots.jurisdiction, LOOKING)
        return await similar.find(who, text, place, limit)
