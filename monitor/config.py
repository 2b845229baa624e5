"""Settings of one installation, from the environment (prefix ``MONITOR_``) and nowhere else."""

from __future__ import annotations

import os
import secrets
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

FROM_FILE = ("DATABASE_URL", "BUS_URL", "ADMIN_TOKEN", "SECRET_KEY")
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Role(StrEnum):
    """What one process does; ``serve`` does all of it."""

    API = "api"
    COLLECT = "collect"
    ANALYSE = "analyse"
    ALERT = "alert"
    DISPATCH = "dispatch"
    HOUSEKEEPING = "housekeeping"


class SettingsError(Exception):
    """The environment does not describe an installation that can run; the text names the setting."""


class Settings(BaseSettings):
    """Where data lie, who may connect, and what this process does."""

    model_config = SettingsConfigDict(
        env_prefix="MONITOR_", extra="ignore", hide_input_in_errors=True
    )

    data_dir: Path = Field(default_factory=lambda: Path.home() / ".jianwei")
    database_url: str = ""
    bus_url: str = "memory://"
    host: str = "127.0.0.1"
    port: int = Field(default=8710, ge=0, le=65535)
    roles: Annotated[tuple[Role, ...], NoDecode] = tuple(Role)
    admin_token: SecretStr | None = None
    secret_key: SecretStr | None = None
    allow_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    host_pause_seconds: float = Field(default=2.0, ge=0)
    timezone: str = "Asia/Shanghai"
    log_level: str = "INFO"
    analysis_processes: int = Field(default=1, ge=0, le=64)
    rematch_days: int = Field(default=30, ge=0, le=400)
    scorer: str = "linear"
    public_url: str = ""
    user_agent: str = "Jianwei/0.1 (+https://example.invalid/jianwei; self-hosted brand monitoring)"

    @field_validator("roles", mode="before")
    @classmethod
    def _split_roles(cls, value: object) -> object:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @field_validator("allow_networks", mode="before")
    @classmethod
    def _split_networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return [ip_network(part.strip(), strict=False) for part in value.split(",") if part.strip()]

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"{value!r} is no IANA time zone; try Asia/Shanghai") from None
        return value

    @field_validator("admin_token")
    @classmethod
    def _long_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 32:
            raise ValueError("needs at least 32 characters; make one with: openssl rand -hex 24")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.database_url:
            self.database_url = f"sqlite:///{self.data_dir / 'jianwei.db'}"
        if self.database_url.startswith("sqlite") and not self.bus_url.startswith("memory://"):
            raise ValueError(
                "BUS_URL: SQLite belongs to one process; use memory:// or a PostgreSQL DATABASE_URL"
            )
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The installation's time zone: days of baselines and dates without a zone."""
        return ZoneInfo(self.timezone)

    @property
    def robots_agent(self) -> str:
        """The name robots.txt knows us by: the product of the user agent."""
        return self.user_agent.split("/")[0].split(" ")[0] or "Jianwei"

    @property
    def base_url(self) -> str:
        """Where people reach this installation; links in alerts begin with it."""
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"

    @property
    def binds_loopback(self) -> bool:
        """Whether only this machine can reach the API."""
        return self.host in LOOPBACK


def load(**overrides: Any) -> Settings:  # noqa: ANN401  # checked by the model itself
    """Return the settings of the environment; raises SettingsError that names what is wrong.

    A secret may come as ``MONITOR_<NAME>_FILE``; ``overrides`` (flags of a command) win.
    """
    from pydantic import ValidationError

    try:
        return Settings(**{**_file_secrets(), **overrides})
    except ValidationError as error:
        wrong = "; ".join(
            f"MONITOR_{'_'.join(str(part) for part in item['loc']).upper()}: {item['msg']}"
            for item in error.errors()
        )
        raise SettingsError(wrong) from error


def _file_secrets() -> dict[str, str]:
    found = {}
    for name in FROM_FILE:
        path = os.environ.get(f"MONITOR_{name}_FILE")
        if path and f"MONITOR_{name}" not in os.environ:
            try:
                found[name.lower()] = Path(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise SettingsError(f"MONITOR_{name}_FILE: cannot read {path}: {error}") from error
    return found


def secret_key(settings: Settings) -> bytes:
    """Return the installation's secret; made once and kept with mode 0600 in the data directory."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    path = settings.data_dir / "secret.key"
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes().strip()
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_urlsafe(48).encode())
    return path.read_bytes().strip()
