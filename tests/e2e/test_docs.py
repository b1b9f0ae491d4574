"""The commands of the documentation, run as a reader pastes them, against a system of their own.

A block ```sh is run. A block ```text after it says what is printed: its lines, in order, each somewhere in a line
of the output, with … for whatever differs from run to run. Blocks in another language are not run.
"""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.system import ROOT, System

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LIMIT_S = 20
_SAID = "said-and-done"
_FOLLOWS_WITHIN_S = 60
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
RUN = (
    "README.md",
    "docs/tutorial.md",
    "docs/how-to/submit-from-your-system.md",
    "docs/how-to/take-a-call.md",
    "docs/how-to/work-as-a-unit.md",
    "docs/how-to/mediate.md",
    "docs/how-to/handle-a-petition.md",
    "docs/how-to/import-messages.md",
    "docs/how-to/edit-a-jurisdiction.md",
)


@dataclass(frozen=True)
class Block:
    """Commands, the line they stand on, and the lines that they are said to print."""

    line: int
    commands: str
    printed: tuple[str, ...]

    @property
    def only_reads(self) -> bool:
        """Whether it changes nothing, so that it may be asked again until the other service has followed."""
        return not re.search(r" -d |\bact |POST|import|=\$\(", self.commands)


def blocks(path: Path) -> Iterator[Block]:
    """Return the blocks to run, in order."""
    text = path.read_text(encoding="utf-8")
    found = list(_BLOCK.finditer(text))
    for block, following in zip(found, [*found[1:], None], strict=True):
        if block[1] == "sh":
            is_output = following is not None and following[1] == "text"
            said = following[2].splitlines() if following is not None and is_output else []
            yield Block(text.count("\n", 0, block.start()) + 1, block[2], tuple(said))


def is_printed(expected: tuple[str, ...], output: str) -> bool:
    """Whether the expected lines stand in the output in order."""
    lines = iter(output.splitlines())
    patterns = [".*".join(re.escape(part) for part in line.strip().split("…")) for line in expected]
    return all(any(re.search(pattern, line) for line in lines) for pattern in patterns)


class Shell:
    """One bash in which block after block is run, as in a reader's terminal."""

    def __init__(self, system: System) -> None:
        environment = {
            "INTAKE": system.url("intake"),
            "ROUTER": system.url("router"),
            "MEDIATION": system.url("mediation"),
            "PETITION": system.url("petition"),
            "CASELADDER_RUN_DIR": str(system.local.run_dir),
            "CASELADDER_PORT_BASE": str(system.local.port_base),
            "COLUMNS": "120",
        }
        bash = shutil.which("bash")
        assert bash is not None
        self._bash = subprocess.Popen(
            ["env", *(f"{name}={value}" for name, value in environment.items()), bash],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._write("set -E -o pipefail; trap 'failed=$?' ERR\n")

    def run(self, commands: str) -> tuple[bool, str]:
        """Run commands; return whether all succeeded, and what they printed."""
        self._write(f"failed=0\n{commands}\nprintf '\\n%s %s\\n' {_SAID} \"$failed\"\n")
        assert self._bash.stdout is not None
        printed: list[str] = []
        for line in self._bash.stdout:
            if line.startswith(_SAID):
                return line.split()[1] == "0", "".join(printed)
            printed.append(line)
        raise AssertionError(f"the shell ended:\n{''.join(printed)}")

    def close(self) -> None:
        """End the shell."""
        self._bash.communicate(timeout=_LIMIT_S)

    def _write(self, text: str) -> None:
        assert self._bash.stdin is not None
        self._bash.stdin.write(text)
        self._bash.stdin.flush()


def run_block(shell: Shell, block: Block, name: str) -> None:
    """Run one block; what only reads is asked again while the other service may not have followed yet."""
    until = time.monotonic() + (_FOLLOWS_WITHIN_S if block.only_reads else 0)
    while True:
        succeeded, output = shell.run(block.commands)
        if succeeded and is_printed(block.printed, output):
            return
        if time.monotonic() >= until:
            break
        time.sleep(0.1)  # what follows is another process's, which nothing here tells of
    wanted = "\n".join(block.printed)
    raise AssertionError(
        f"{name}, line {block.line}: it {'does not print' if succeeded else 'fails, printing'}"
        f"\n{wanted if succeeded else ''}\nbut\n{output}"
    )


def test_every_command_does_what_is_written(own_system: System) -> None:
    """One system for all pages, in the order in which a newcomer reads them; each page in a shell of its own."""
    assert shutil.which("curl"), "the documentation uses curl: sudo apt-get install -y curl"
    for name in RUN:
        found = list(blocks(ROOT / name))
        assert found, f"{name} has nothing to run"
        shell = Shell(own_system)
        try:
            for block in found:
                run_block(shell, block, name)
        finally:
            shell.close()


def test_the_service_that_is_written_from_an_empty_file_works() -> None:
    """The Python of the page, the declarations of events first, as in a service's own files."""
    page = (ROOT / "docs/how-to/write-a-service.md").read_text(encoding="utf-8")
    found = [block[2] for block in _BLOCK.finditer(page) if block[1] == "python"]
    declared, later = found[0], next(text for text in found if text.startswith("class WatchBegun"))
    rest = [text for text in found[1:] if text != later]
    space: dict[str, object] = {"__name__": "page"}
    for text in (declared, later, *rest):
        exec(compile(text, "write-a-service.md", "exec"), space)  # it asserts what it says


def anchors(path: Path) -> set[str]:
    """The headings of a page as they are linked to."""
    headings = _HEADING.findall(path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_somewhere(link: str, anchor: str, page: Path) -> bool:
    """Whether the file, and the heading in it, exist."""
    target = page.parent / link if link else page
    return target.exists() and (not anchor or anchor in anchors(target))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    links = _LINK.findall(path.read_text(encoding="utf-8"))
    assert [link for link in links if not leads_somewhere(link[0], link[1], path)] == []


def test_a_line_that_is_not_printed_is_noticed() -> None:
    assert is_printed(("a…c", "d"), "x abc y\nmore\nd\n")
    assert not is_printed(("d", "a…c"), "x abc y\nmore\nd\n")
