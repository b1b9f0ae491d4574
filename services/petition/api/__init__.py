"""Petition to the outside: petitions and their stories, actions, lists, documents."""

from fastapi import FastAPI

from services.petition.api.access import Access
from services.petition.api.commands import add_action_routes
from services.petition.api.documents import add_document_routes
from services.petition.api.office import Office
from services.petition.api.reads import add_read_routes

__all__ = ["Office", "add_routes"]


def add_routes(app: FastAPI, office: Office) -> None:
    """Add all routes of petition."""
    access = Access(office.jurisdiction, office.offices)
    add_read_routes(app, office, access)
    add_action_routes(app, office, access)
    add_document_routes(app, office, access)
