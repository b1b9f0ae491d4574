"""What the official account is set up with, from the environment."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from chassis.settings import ExistingFile, SettingsError, Text, Variables, read

_LOOPBACK: Final = {"localhost", "127.0.0.1", "::1"}
_VARIABLES: Final[Variables] = {
    "token": ("CASELADDER_WECHAT_TOKEN", "the token of the server configuration: 3 to 32 letters and digits"),
    "app_id": ("CASELADDER_WECHAT_APP_ID", "the AppID of the official account"),
    "secret": ("CASELADDER_WECHAT_APP_SECRET", "the AppSecret of the official account"),
    "aes_key": (
        "CASELADDER_WECHAT_AES_KEY",
        "the EncodingAESKey: 43 letters and digits (not in the mode plain)",
    ),
    "mode": ("CASELADDER_WECHAT_MODE", "safe, compatible or plain, as in the server configuration"),
    "api": ("CASELADDER_WECHAT_URL", "the https address of the platform's API (http only on this machine)"),
    "ca": ("CASELADDER_WECHAT_CA", "the path of the CA that signed the API's certificate"),
    "replay_seconds": ("CASELADDER_WECHAT_REPLAY_SECONDS", "whole seconds from 30 to 3600"),
    "dialogue_hours": ("CASELADDER_WECHAT_DIALOGUE_HOURS", "whole hours from 1 to 24"),
}
_SWITCHES: Final = ("token", "aes_key")
"""Who sets these wants messages in; the others are needed for notices out, too."""


def _token(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not (3 <= len(text) <= 32 and text.isascii() and text.isalnum()):
        raise ValueError("not 3 to 32 letters and digits")
    return value


def _aes_key(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not (len(text) == 43 and text.isascii() and text.isalnum()):
        raise ValueError("not 43 letters and digits")
    return value


def _api(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError("the AppSecret would be sent without TLS")
    return value.rstrip("/")


class WechatSettings(BaseModel):
    """How we and the platform know each other. Frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: Annotated[SecretStr, AfterValidator(_token)]
    app_id: Text
    secret: SecretStr
    aes_key: Annotated[SecretStr, AfterValidator(_aes_key)] | None = None
    mode: Literal["safe", "compatible", "plain"] = "safe"
    api: Annotated[str, AfterValidator(_api)] = "https://api.weixin.qq.com"
    ca: ExistingFile | None = None
    replay_seconds: int = Field(default=300, ge=30, le=3600)
    """How far a message's timestamp may be from our clock."""
    dialogue_hours: int = Field(default=1, ge=1, le=24)
    """How long a half-told matter waits for the rest. Below the 48 hours in which a repetition is known."""

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "WechatSettings | None":
        """Read the CASELADDER_WECHAT_* variables; None without those of messages in. Raises SettingsError."""
        if not any(env.get(_VARIABLES[field][0], "").strip() for field in _SWITCHES):
            return None
        made = read(cls, env, _VARIABLES)
        if made.mode != "plain" and made.aes_key is None:
            name, right = _VARIABLES["aes_key"]
            raise SettingsError([f"{name} is missing: set it to {right}"])
        return made
