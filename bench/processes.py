"""What the kernel says of processes and of the machine, read from /proc."""

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the third on; the second may hold spaces and brackets."""
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def tree(root: int) -> list[int]:
    """The process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                parents.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    found = [root]
    for pid in found:
        found += parents.get(pid, [])
    return found


def cpu_seconds(root: int) -> float:
    """User and system time of a process, of its living descendants, and of those that ended."""
    ticks = 0
    for pid in tree(root):
        try:
            fields = _stat(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / _TICKS


@dataclass(frozen=True, slots=True)
class Machine:
    """Seconds of CPU since boot, over all cores."""

    busy: float
    stolen: float
    """Taken by other guests of the same host: the louder they are, the less a figure means."""


def machine() -> Machine:
    """Read the machine's counters."""
    fields = [int(field) for field in (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields
    return Machine((user + nice + system + irq + softirq) / _TICKS, steal / _TICKS)


def resident_mb(pid: int) -> float:
    """The resident set (VmRSS) in MB of 10^6 bytes, shared pages included."""
    return _kilobytes(_PROC / str(pid) / "status", "VmRSS:") * 1024 / 1e6


def proportional_mb(root: int) -> float:
    """The proportional set (Pss) of a process tree in MB: shared pages are counted once."""
    total = 0
    for pid in tree(root):
        try:
            total += _kilobytes(_PROC / str(pid) / "smaps_rollup", "Pss:")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return total * 1024 / 1e6


def _kilobytes(path: Path, name: str) -> int:
    for line in path.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0


def describe() -> dict[str, object]:
    """The machine: CPU model, cores that we may use, memory in GB, kernel, Python and where that was installed."""
    info = (_PROC / "cpuinfo").read_text()
    model = next((line.split(":", 1)[1].strip() for line in info.splitlines() if "model name" in line), "?")
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(_kilobytes(_PROC / "meminfo", "MemTotal:") * 1024 / 1e9, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        # Where it is from: one that a version manager compiled is often a quarter slower than Debian's.
        "python_from": sys.base_prefix,
    }
