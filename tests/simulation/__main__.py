"""`python -m tests.simulation --days 365 --cases 2000 --seed 1`, which is `make simulate`."""

import argparse
import sys
from time import monotonic

from tests.simulation.report import report
from tests.simulation.run import simulate


def main() -> None:
    """Simulate and print how the cases ended; how long that took goes to the standard error."""
    parser = argparse.ArgumentParser(description="A year in the life of a district, in virtual time.")
    for name, default in (("days", 365), ("cases", 2000), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    if asked.days < 1 or asked.cases < 1:
        parser.error("--days and --cases are numbers from 1 on")
    began = monotonic()
    sys.stdout.write(report(simulate(asked.days, asked.cases, asked.seed)))
    sys.stderr.write(f"in {monotonic() - began:.0f} s\n")


main()
