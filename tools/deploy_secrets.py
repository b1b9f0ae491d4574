"""Makes what deploy/docker-compose.yml needs and nobody else may know; `make secrets`. Nothing is ever overwritten.

python -m tools.deploy_secrets [DIRECTORY]      default: deploy/

.env                    (0600) a random value for each variable that the compose file demands with `:?`; for
                        NOTIFIER_TOKEN, a token of the local issuer for the role notifier
kafka/passwords.env     (0600) a random password for the Kafka user of each department
secrets/                (0700) the issuer of local tokens; Keycloak's certificate and the authority that signed it

Run again after an update: what is new is added, what is there stays. To change a secret, delete its line first.
"""

import base64
import os
import re
import secrets
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from chassis.tokens import LocalIssuer
from reference.load import load
from services.cli.kafka_grants import department_users, password_variable
from services.cli.local import AUDIENCE, GULOU, ISSUER
from tools.certificates import write_certificates

DEPLOY: Final = Path(__file__).parent.parent / "deploy"
_DEMANDED: Final = re.compile(r"\$\{(\w+):\?")
_KEY_BYTES: Final = 32
_PASSWORD_BYTES: Final = 24
_NOTIFIER: Final = "NOTIFIER_TOKEN"
_LIFETIME: Final = timedelta(days=3650)
"""Of the token by which notify asks intake; Keycloak gives one for minutes instead."""

_ENV_HEAD: Final = """\
# Made by `make secrets`, for this installation alone. Keep it, and keep it secret: without CASELADDER_MASTER_KEY
# and CASELADDER_INDEX_KEY the personal data in the database cannot be read again.
"""
_PASSWORDS_HEAD: Final = "# Made by `make secrets`: hand each department its own, and no other.\n"


def demanded(compose: Path) -> list[str]:
    """The variables without which the compose file refuses to start, in order."""
    return list(dict.fromkeys(_DEMANDED.findall(compose.read_text(encoding="utf-8"))))


def random_value(name: str) -> str:
    """A new secret: 32 bytes in base64 for a `…_KEY`, else hexadecimal, which no file format needs to quote."""
    if name.endswith("_KEY"):
        return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
    return secrets.token_hex(_PASSWORD_BYTES)


def add_missing(
    path: Path, head: str, names: Iterable[str], given: Mapping[str, str] | None = None
) -> list[str]:
    """Append a random value, or the one `given`, for each name that the file does not have; returns those added.

    The file has mode 0600 from its first byte on, and is replaced whole: a crash leaves the old or the new one.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else head
    present = {
        line.split("=", 1)[0] for line in text.splitlines() if "=" in line and not line.startswith("#")
    }
    added = [name for name in names if name not in present]
    if added:
        lines = "".join(f"{name}={(given or {}).get(name) or random_value(name)}\n" for name in added)
        _write_private(path, text + ("" if text.endswith("\n") else "\n") + lines)
    return added


def make(deploy: Path, reference: Path) -> list[str]:
    """Make all that is missing under `deploy`; returns a line for each file, without any secret."""
    # Docker mounts single files of it. They must be readable for the containers' users, so it is the directory that
    # keeps everybody else on this machine out.
    private = deploy / "secrets"
    private.mkdir(mode=0o700, exist_ok=True)
    private.chmod(0o700)
    issued = {
        _NOTIFIER: _issuer(private).issue("notify", ["notifier"], datetime.now(UTC), lifetime=_LIFETIME)
    }
    env, wanted = deploy / ".env", demanded(deploy / "docker-compose.yml")
    said = [_told(env, add_missing(env, _ENV_HEAD, wanted, issued))]
    passwords = deploy / "kafka" / "passwords.env"
    users = department_users(load(reference))
    said.append(
        _told(passwords, add_missing(passwords, _PASSWORDS_HEAD, [password_variable(user) for user in users]))
    )
    said.append(f"{private}: {'made' if write_certificates(private) else 'kept'} Keycloak's certificate")
    return said


def _issuer(directory: Path) -> LocalIssuer:
    issuer = LocalIssuer.open(directory, ISSUER, AUDIENCE)
    (directory / "jwks.json").chmod(0o644)
    return issuer


def _told(path: Path, added: list[str]) -> str:
    return f"{path}: " + (f"added {', '.join(added)}" if added else "complete, nothing changed")


def _write_private(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(
        os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
    draft.replace(path)


def main(arguments: list[str]) -> int:
    """Make what is missing and say what was made; the process's exit code."""
    deploy = Path(arguments[0]) if arguments else DEPLOY
    reference = Path(os.environ.get("CASELADDER_REFERENCE") or GULOU)
    print("\n".join(make(deploy, reference)))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
