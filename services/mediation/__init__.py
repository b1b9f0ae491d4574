"""Mediation: from the application to the performed agreement, or to the notice of the other ways (domain.md §2)."""
