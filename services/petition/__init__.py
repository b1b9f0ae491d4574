"""The petition service (信访): from registration to opinion and review, and every way out (domain.md §1)."""
