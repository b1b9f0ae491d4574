"""The services of Caseladder; each is a decider of its own, run by the chassis. None imports another."""

import sys

# httpx brings its own command line along, and with it rich and pygments: 3 MB of each service.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # importlib's sign for "not to be had"
