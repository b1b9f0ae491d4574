"""Petition's pure domain: registration, sorting, handling, opinion, reviews, deadlines."""

from services.petition.domain.colour import colour
from services.petition.domain.decider import CONSUMED, PetitionDecider, may_begin
from services.petition.domain.desk import Offices
from services.petition.domain.petition import Petition

__all__ = ["CONSUMED", "Offices", "Petition", "PetitionDecider", "colour", "may_begin"]
