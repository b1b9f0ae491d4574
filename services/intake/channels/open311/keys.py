"""Who may send reports: the clients' keys, from the environment, and how often each may (R-PRIV-01)."""

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr

from chassis import settings
from services.intake.buckets import Buckets

AT_ONCE: Final = 60
SECONDS_EACH: Final = 1.0
"""What one client may send: so many reports at once, then one every so many seconds (DES). A danger
is always taken."""
_LEAST_LENGTH: Final = 16
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_KEY: Final = re.compile(r"[!-+\--<>-~]{16,200}")  # visible ASCII but for the comma and the equals sign
_VARIABLES: Final = {
    "keys": (
        "CASELADDER_OPEN311_KEYS",
        "name=key pairs with commas between, each name of small letters, digits and hyphens, each key of at least "
        f"{_LEAST_LENGTH} visible characters other than a comma or =, no name or key twice: city-app=3f…,fixit=9a…",
    )
}


def _pairs(value: SecretStr) -> list[tuple[str, str]]:
    parts = (pair.strip().partition("=") for pair in value.get_secret_value().split(","))
    return [(name, key) for name, _, key in parts]


def _readable(value: SecretStr) -> SecretStr:
    pairs = _pairs(value)
    if not all(_NAME.fullmatch(name) and _KEY.fullmatch(key) for name, key in pairs):
        raise ValueError("not name=key pairs")
    if any(len({pair[part] for pair in pairs}) < len(pairs) for part in (0, 1)):
        raise ValueError("a name or a key stands there twice")
    return value


class _KeySettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    keys: Annotated[SecretStr, AfterValidator(_readable)] | None = None


class Clients:
    """The known clients. Only digests of their keys are kept."""

    def __init__(self, keys: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._digests = {name: _digest(key) for name, key in keys.items()}
        self._buckets = Buckets(AT_ONCE, SECONDS_EACH, clock)

    def named(self, api_key: str) -> str | None:
        """Return the name of the client with this key. Takes as long whichever it is, and for a wrong one."""
        given = _digest(api_key)
        found = [name for name, digest in self._digests.items() if hmac.compare_digest(digest, given)]
        return found[0] if found else None

    def wait(self, name: str) -> float:
        """Count one report of a client; return 0, or the seconds that it should have waited for."""
        return self._buckets.take(name)


def read_clients(env: Mapping[str, str]) -> Clients | None:
    """Return the clients that CASELADDER_OPEN311_KEYS names; None where it is unset. Raises SettingsError."""
    keys = settings.read(_KeySettings, env, _VARIABLES).keys
    return Clients(dict(_pairs(keys))) if keys is not None else None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()
