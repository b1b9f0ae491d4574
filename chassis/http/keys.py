"""The public keys that tokens are verified with: a JWKS from a file or an address, cached and refreshed."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

UNKNOWN_KEY_SECONDS: Final = 60.0  # at most one refresh in this time for a key id that we do not know
RETRY_SECONDS: Final = 1.0  # while no key was ever read
STALE_SECONDS: Final = 600.0  # a withdrawn key stops being accepted after this time
FETCH_TIMEOUT_SECONDS: Final = 5.0


class KeysUnavailable(Exception):
    """The key set cannot be read at the moment and none was read before."""

    safe_to_log = True


class KeySource:
    """A JWKS at `location`: a file path, or an http(s) address. Nothing is read before the first use."""

    def __init__(
        self,
        location: str,
        client: httpx.AsyncClient | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._location = location
        self._client = client
        self._monotonic = monotonic
        self._keys: KeySet | None = None
        self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def keys(self, kid: str | None) -> KeySet:
        """The key set, refreshed first where `kid` is unknown or the set is old; KeysUnavailable without any."""
        if not self._due(kid):
            return self._known()
        async with self._lock:
            if self._due(kid):  # nobody refreshed it while we waited
                await self._refresh()
        return self._known()

    async def close(self) -> None:
        """Close the HTTP client, if one was opened."""
        if self._client is not None:
            await self._client.aclose()

    def _due(self, kid: str | None) -> bool:
        age = self._monotonic() - self._tried_at
        if self._keys is None:
            return age >= RETRY_SECONDS
        known = kid is None or any(key.kid == kid for key in self._keys)
        return age >= (STALE_SECONDS if known else UNKNOWN_KEY_SECONDS)

    def _known(self) -> KeySet:
        if self._keys is None:
            raise KeysUnavailable(f"the token keys at {self._location} cannot be read")
        return self._keys

    async def _refresh(self) -> None:
        """Read the set again; a failure keeps the set that we have."""
        try:
            text = await self._fetch()
            self._keys = KeySet.import_key_set(json.loads(text))
        except (OSError, httpx.HTTPError, ValueError, KeyError, TypeError, JoseError):
            return
        finally:
            self._tried_at = self._monotonic()  # only now: whoever comes meanwhile waits for this attempt

    async def _fetch(self) -> str:
        if not self._location.startswith(("http://", "https://")):
            return await asyncio.to_thread(Path(self._location).read_text, "utf-8")
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=FETCH_TIMEOUT_SECONDS)
        answer = await self._client.get(self._location)
        answer.raise_for_status()
        return answer.text
