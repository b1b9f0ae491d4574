"""Tells residents and units what becomes of a case: who, when and by which way is data (`notices.yaml`)."""
