"""How a petition comes back to the router."""

from schemas.petition import PetitionHandedBack
from schemas.procedure import HandBack


def handed_back(
    unit: str | None,
    result: HandBack,
    explanation: str,
    *,
    exit_: str | None = None,
    review_offered: bool = False,
) -> PetitionHandedBack:
    """The one event that ends the procedure for the router; `unit` answers for the result."""
    return PetitionHandedBack(
        result=result,
        unit=unit or "",
        explanation=explanation,
        exit=exit_,
        routes=(exit_,) if exit_ else (),
        review_offered=review_offered,
    )
