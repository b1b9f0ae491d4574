"""The services of Caseladder; each is a decider of its own, run by the chassis. None imports another."""
