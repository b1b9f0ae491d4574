"""Check a jurisdiction's folder as its editor would: `python -m reference.check PATH`."""

import sys
from pathlib import Path

from reference.knowledge import check_knowledge
from reference.load import check, load
from reference.mediation import check_mediation
from reference.open311 import check_open311


def main(arguments: list[str]) -> int:
    """Print the findings as file:line: message; exit code 1 when there are any, 2 when no path was given."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m reference.check PATH\n")
        return 2
    path = Path(arguments[0])
    findings = check(path)
    if not findings:
        jurisdiction = load(path)
        findings = [
            *check_mediation(path, jurisdiction),
            *check_open311(path, jurisdiction),
            *check_knowledge(path, jurisdiction),
        ]
    for finding in findings:
        sys.stdout.write(f"{finding}\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
