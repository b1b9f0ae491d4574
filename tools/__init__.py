"""Programs for the people who build and set up Caseladder; no service imports them."""
