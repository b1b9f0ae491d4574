"""Jurisdictions as data: units, areas, matters, deadlines, calendar; validated at load."""
