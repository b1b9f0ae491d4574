"""`python -m tests.deliveries --deliveries 100000 --seed 1`: prints the figures; status 1 where one is wrong."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from uuid import uuid4

from chassis.embedded import EmbeddedPostgres
from chassis.migrate import upgrade
from tests.deliveries.run import EACH, run


def main() -> int:
    """Run on a PostgreSQL of this run alone; return the process's exit code."""
    parser = argparse.ArgumentParser(
        description="Deliveries through a bad provider, by senders that are killed."
    )
    for name, default in (("deliveries", 100_000), ("seed", 1), ("kills", 12)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    if asked.deliveries < EACH or asked.deliveries % EACH:
        parser.error(f"--deliveries is a multiple of {EACH}")
    with (
        tempfile.TemporaryDirectory(prefix="caseladder-deliveries-") as place,
        EmbeddedPostgres(Path(place) / "postgres", uuid4().hex) as server,
    ):
        url = asyncio.run(server.create_database("deliveries"))
        asyncio.run(upgrade(url, "notify"))
        figures = run(url, asked.deliveries, asked.seed, asked.kills)
    sys.stdout.write(f"{figures}\n")
    return 0 if figures.is_right else 1


if __name__ == "__main__":
    sys.exit(main())
