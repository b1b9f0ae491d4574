"""Mediation to the outside: cases, actions, lists, committees, and the papers to read and print."""

from fastapi import FastAPI

from services.mediation.api.access import Access
from services.mediation.api.commands import add_action_routes
from services.mediation.api.documents import add_document_routes
from services.mediation.api.office import Office
from services.mediation.api.reads import add_read_routes

__all__ = ["Office", "add_routes"]


def add_routes(app: FastAPI, office: Office) -> None:
    """Add all routes of mediation."""
    access = Access(office)
    add_document_routes(app, office, access)
    add_read_routes(app, office, access)
    add_action_routes(app, office, access)
