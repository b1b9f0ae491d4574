"""`intake`, `router`, `mediation`, `petition`, `notify`: one service in this process."""

import importlib
import os
from pathlib import Path
from typing import Final

import click

from chassis import logs
from chassis.settings import Settings, SettingsError
from services.cli.local import LocalRun, local_options

_PATIENT: Final = frozenset({"notify"})
"""Services whose work can wait while cases surge: a notice that comes a minute later does no harm, an assignment
might."""
_NICE: Final = 10


def _command(name: str) -> click.Command:
    @click.command(name)
    @local_options
    def run(run_dir: Path, port_base: int) -> None:
        try:
            given = LocalRun(run_dir, port_base).variables(name) | os.environ
            module = importlib.import_module(f"services.{name}.main")
            settings = getattr(module, "SETTINGS", Settings).from_environment(name, given)
            logs.configure(settings.service, settings.log_level)
            if name in _PATIENT:
                os.nice(_NICE)
            module.run(settings)
        except SettingsError as error:
            raise click.ClickException(str(error)) from None

    run.help = (
        f"Run the {name} service until SIGTERM. Its CASELADDER_* variables come from the environment; "
        f"those missing there come from the run directory that `up` made."
    )
    return run


intake = _command("intake")
router = _command("router")
mediation = _command("mediation")
petition = _command("petition")
notify = _command("notify")
