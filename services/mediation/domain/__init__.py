"""Mediation's pure domain: consent, mediators, sessions, agreements, follow-up, confirmation."""

from services.mediation.domain.decider import CONSUMED, MediationDecider, may_begin
from services.mediation.domain.state import Mediation

__all__ = ["CONSUMED", "Mediation", "MediationDecider", "may_begin"]
