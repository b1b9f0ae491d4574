"""Programs for the people who build Caseladder; nothing here runs in production."""
