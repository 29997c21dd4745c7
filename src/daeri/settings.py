"""What can be set, and by which name? Typed, read once at start from the environment and `.env`, then frozen."""

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self

from dotenv import dotenv_values
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ANCHORS_FILE = "audit.anchors"
"""Notes of the audit chain's head, beside the database."""
ENV_FILE = ".env"
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


def is_loopback(host: str) -> bool:
    """Say whether an address to listen on is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def environment() -> dict[str, str]:
    """Return the variables that settings are read from, those of `.env` beneath the process's own."""
    written = {name: value for name, value in dotenv_values(ENV_FILE).items() if value is not None}
    return {**written, **os.environ}


class Settings(BaseSettings):
    """The settings of one server; each is an environment variable with the prefix DAERI_."""

    model_config = SettingsConfigDict(
        env_prefix="DAERI_", env_file=ENV_FILE, extra="ignore", frozen=True, populate_by_name=True
    )

    dir: Path = Field(default=Path("daeri-data"), description="Folder of the databases and keys.")
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8787, ge=0, le=65535, description="Port to listen on.")
    demo: bool = Field(default=False, description="Sign-in by picking a demo person; never on real data.")
    secure_cookies: bool = Field(default=False, description="Served over TLS: cookies get the __Host- prefix.")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Origins, separated by commas, whose pages may call the API."
    )
    hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Names this server answers to, separated by commas; on loopback only its own names."
    )
    public_url: str = Field(default="", description="Where clients reach this server, e.g. https://daeri.example.com.")
    issuer: str = Field(
        default="", description="Identity provider (OIDC issuer) whose tokens are taken; needs PUBLIC_URL."
    )
    oidc_client_id: str = Field(default="", description="This server's client id there; people then sign in by it.")
    oidc_client_secret: SecretStr | None = Field(default=None, description="The client's secret there, if it has one.")
    login_claim: str = Field(default="preferred_username", description="Claim that holds the login of an account.")
    role_claim: str = Field(default="groups", description="Claim that holds a person's groups.")
    roles_from_claims: dict[str, str] = Field(
        default_factory=dict, description='Groups and the roles they stand for, as JSON: {"hr-team": "hr"}.'
    )
    push_private: bool = Field(default=False, description="News of runs may go to addresses inside the network.")
    body_max: int = Field(default=1_048_576, ge=1024, description="Bytes of a request body at most.")
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")

    openrouter_api_key: SecretStr | None = Field(
        default=None,
        alias="OPENROUTER_API_KEY",
        description="Key for OpenRouter; without a model key Daeri plans by itself.",
    )
    model_api_key: SecretStr | None = Field(default=None, description="Key for the endpoint in DAERI_MODEL_URL.")
    model_url: str = Field(
        default="", description="Base address of an OpenAI-compatible endpoint, e.g. http://127.0.0.1:8000/v1."
    )
    model: str = Field(default="openai/gpt-4.1-mini", description="The model's name at that endpoint.")
    models: Path | None = Field(
        default=None, description="TOML file that names several models; it goes before the settings of one."
    )

    @field_validator("cors_origins", "hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(item.strip() for item in value.split(",") if item.strip())
        return value

    @model_validator(mode="after")
    def _an_audience_needs_an_address(self) -> Self:
        if self.issuer and not self.public_url:
            msg = "DAERI_ISSUER needs DAERI_PUBLIC_URL: tokens are made for that address"
            raise ValueError(msg)
        return self

    @property
    def known_hosts(self) -> tuple[str, ...]:
        """The names to answer to; a server on loopback answers to loopback only, so no web page can rebind to it."""
        return self.hosts or (LOOPBACK_NAMES if is_loopback(self.host) else ())

    @property
    def database(self) -> Path:
        """The file of the company's records, approvals, runs and audit."""
        return self.dir / "daeri.db"

    @property
    def anchors(self) -> Path:
        """The file of notes that prove the end of the audit chain."""
        return self.dir / ANCHORS_FILE

    @property
    def engine_database(self) -> Path:
        """The file of the engine that carries runs; it can be lost without losing a run."""
        return self.dir / "engine.db"
