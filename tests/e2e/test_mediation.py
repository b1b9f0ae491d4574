"""A dispute between separate processes: mediated low, failed, climbed, agreed, performed, called back."""

from datetime import UTC, datetime
from typing import Any

from services.mediation.api.actions import BY_PATH
from tests.e2e.town import Case, Town, until

GRID, COMMUNITY = "GL010101", "GL0101"


async def mediated(town: Town, case: Case, unit: str, round_: int = 1) -> dict[str, Any]:
    """Wait until a unit has the case to be mediated, for the first time or again."""

    async def look() -> dict[str, Any] | None:
        answer = await town.ask("mediation", f"GET /v1/mediations/{case.id}", "mediator", unit)
        return answer.body if answer.status == 200 and answer.body["round"] == round_ else None

    return await until(look)


async def act(town: Town, case: Case, unit: str, action: str, **changes: Any) -> dict[str, Any]:
    """Do what /docs shows for an action, with some fields changed."""
    body = BY_PATH[action].example | changes
    path = f"POST /v1/mediations/{case.id}/{action}"
    answer = await town.ask("mediation", path, "mediator", unit, body=body)
    assert answer.status == 200, answer.body
    shown: dict[str, Any] = answer.body
    return shown


async def met(town: Town, case: Case, unit: str) -> str:
    """The parties agree to it and meet before a mediator; returns when."""
    now = datetime.now(UTC).isoformat()
    await act(town, case, unit, "parties")
    await act(town, case, unit, "consent")
    await act(town, case, unit, "consent", party="B")
    await act(town, case, unit, "mediators")
    await act(town, case, unit, "sessions", held_at=now)
    return now


async def test_a_dispute_fails_below_and_is_settled_a_rung_higher(town: Town) -> None:
    """R-LAD-02, R-LAD-10, R-MED-08, R-MED-10: the record goes up with the case; the end is called back."""
    case = await town.submit(
        title="楼上漏水", text="楼上卫生间漏水两个月，天花板发霉。", matter="property.leak"
    )
    await mediated(town, case, GRID)
    await met(town, case, GRID)
    await act(town, case, GRID, "termination")
    again = await mediated(town, case, COMMUNITY, 2)
    assert again["unit"] == COMMUNITY
    (step, *_) = [one for one in await town.route(case) if one["ground"] == "MEDIATION_FAILED"]
    assert {one["kind"] for one in step["evidence"]} == {"mediation_record", "parties_request"}

    now = await met(town, case, COMMUNITY)
    await act(town, case, COMMUNITY, "agreement/draft")
    await act(town, case, COMMUNITY, "agreement/signature", signed_at=now)
    assert (await act(town, case, COMMUNITY, "visits"))["stage"] == "PERFORMED"
    await town.placed(case, "CALLBACK")
    satisfied = {"contacted": True, "resolved": True, "satisfied": True}
    assert (await town.do(case, "callback", "operator", "GL", satisfied))["status"] == "CLOSED"


async def test_who_leaves_for_the_petition_office_is_mediated_no_longer(town: Town) -> None:
    """R-MED-05, R-LAD-09: nobody is held back, and the mediation ends by itself."""
    case = await town.submit(title="楼上漏水", text="卫生间顶一直滴水，楼上不开门。", matter="property.leak")
    await mediated(town, case, GRID)
    await town.do(case, "track", "operator", "GL", {"track": "P"})

    async def ended() -> bool | None:
        shown = await mediated(town, case, GRID)
        return (shown["stage"], shown["reason"]) == ("TERMINATED", "converted") or None

    await until(ended)
