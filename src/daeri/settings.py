"""What can be set, and by which name? Typed, read once at start from the environment and `.env`, then frozen."""

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

from dotenv import dotenv_values
from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ANCHORS_FILE = "audit.anchors"
"""Notes of the audit chain's head, beside the database."""
AUDIT_KEY_FILE = "audit.key"
"""The private key that signs them."""
ENV_FILE = ".env"
DATABASES = ("sqlite", "postgresql", "postgres")
REDISES = ("redis", "rediss", "unix")
OutLevel = Literal["public", "internal", "confidential", "secret"]
"""The security levels of company files (`library/files.py`), as settings may name them."""
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
    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("DAERI_DATABASE_URL", "DATABASE_URL"),
        description="The database, where it is not a file in that folder: sqlite:///PATH or postgresql://USER@HOST/NAME.",
    )
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
    rate_limits: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("person=6000/minute", "address=120/minute"),
        description="How often may be asked, separated by commas: person=600/minute, key=600/minute, "
        "operation:leave.request=10/hour, model=60/minute, address=60/minute (where nobody signs in: /verify); "
        "empty for no limit.",
    )
    quotas: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="How many requests in a day or a month of Seoul, separated by commas: person=10000/day, "
        "key=100000/month; none by default.",
    )
    redis_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("DAERI_REDIS_URL", "REDIS_URL"),
        description="Redis by which several servers count limits, wake each other's streams and keep sign-ins hot: "
        "redis://USER:PASSWORD@HOST:6379/0; without one each server counts for itself.",
    )
    public_url: str = Field(default="", description="Where clients reach this server, e.g. https://daeri.example.com.")
    smtp_url: SecretStr | None = Field(
        default=None,
        description="Mail server for news of approvals: smtp://USER:PASSWORD@HOST:587 (STARTTLS, always beyond this "
        "machine) or smtps://…; needs MAIL_FROM and PUBLIC_URL.",
    )
    mail_from: str = Field(default="", description="Sender of that mail, e.g. daeri@example.com.")
    notify_url: str = Field(default="", description="Address that news of approvals is posted to; needs PUBLIC_URL.")
    notify_secret: SecretStr | None = Field(default=None, description="Signs what is posted there (HMAC-SHA256).")
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
    file_max: int = Field(default=104_857_600, ge=1024, description="Bytes of an uploaded file at most.")
    file_pages_max: int = Field(default=3_000, ge=1, description="Pages, slides or sheets of a file that are read.")
    file_seconds: int = Field(default=300, ge=5, description="Processor seconds that reading one file may take.")
    file_memory: int = Field(
        default=1_073_741_824, ge=2**27, description="Bytes of memory that reading one file may take."
    )
    file_readers: int = Field(default=1, ge=1, le=32, description="Files read at the same time.")
    runs_per_person: int = Field(
        default=0, ge=0, description="Runs of one person that go on at once; the others wait in order. 0: all of them."
    )
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")
    otlp_endpoint: str = Field(
        default="",
        validation_alias=AliasChoices("DAERI_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        description="Collector that traces are sent to (OTLP over HTTP): http://127.0.0.1:4318; needs daeri[otel].",
    )

    audit_key: Path | None = Field(default=None, description="File of the key that signs the audit; DIR/audit.key.")
    audit_copy: Path | None = Field(
        default=None, description="A second file of the audit's notes, best where the database's keeper cannot write."
    )
    audit_keep_days: int = Field(
        default=730,
        ge=365,
        description="Days that rows of the audit are kept at least: 365; 730 with 50,000 people, unique identifiers or "
        "sensitive data (Korean safety measures for personal data).",
    )
    audit_keep_rights_days: int = Field(
        default=1095, ge=365, description="Days that rows about accounts, keys and rights are kept at least."
    )

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
    agents: Path | None = Field(
        default=None, description="TOML file of further agents, beside those that the company declares in code."
    )

    services: Path | None = Field(
        default=None, description="TOML file that names services outside whose operations are offered here."
    )

    web: bool = Field(
        default=False,
        description="Offers web.fetch: pages whose address the person gave, and any on DAERI_WEB_HOSTS.",
    )
    web_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Hosts that agents may read by themselves, separated by commas, inside the network too: "
        "wiki.example.com, *.example.com, 10.0.0.5:8080. What a person may read may end up in addresses there.",
    )
    web_ports: Annotated[tuple[int, ...], NoDecode] = Field(
        default=(80, 443), description="Ports that are called where a listed host names none, separated by commas."
    )
    web_bytes: int = Field(default=8_388_608, ge=1024, description="Bytes of a page at most, after it is expanded.")
    web_seconds: float = Field(default=20.0, gt=0, le=60, description="Time one page may take, redirects included.")
    search_kind: Literal["", "searxng", "brave", "tavily"] = Field(
        default="", description="Offers web.search, by this engine: searxng, brave or tavily."
    )
    search_url: str = Field(
        default="", description="Its address; needed for searxng, e.g. http://127.0.0.1:8888/search."
    )
    search_key: SecretStr | None = Field(default=None, description="Key for it; needed for brave and tavily.")

    embedding_model: str = Field(
        default="",
        description="Name of the model for embeddings, at DAERI_EMBEDDING_URL or, for /v1/embeddings alone, at the "
        "first model endpoint; without one Daeri makes them itself.",
    )
    embedding_url: str = Field(
        default="",
        description="Base address of an OpenAI-compatible endpoint whose vectors documents are found by; it is sent "
        "passages of DAERI_EMBEDDING_LEVELS and what people search for.",
    )
    embedding_api_key: SecretStr | None = Field(default=None, description="Key for that endpoint.")
    embedding_dimensions: int = Field(default=0, ge=0, le=8192, description="Numbers in each of its vectors.")
    embedding_batch: int = Field(default=64, ge=1, le=2048, description="Texts that it is sent at once.")
    embedding_levels: Annotated[tuple[OutLevel, ...], NoDecode] = Field(
        default=("public", "internal"),
        description="Security levels of documents that may be sent there, separated by commas; Daeri itself makes the "
        "vectors of all others. For an endpoint of your own add confidential,secret.",
    )

    @field_validator(
        "cors_origins", "hosts", "rate_limits", "quotas", "web_hosts", "web_ports", "embedding_levels", mode="before"
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(item.strip() for item in value.split(",") if item.strip())
        return value

    @field_validator("database_url", mode="after")
    @classmethod
    def _known_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        kind = value.get_secret_value().partition(":")[0].partition("+")[0]
        if kind not in DATABASES:
            msg = "write sqlite:///PATH or postgresql://USER@HOST/NAME"
            raise ValueError(msg)
        return value

    @field_validator("redis_url", mode="after")
    @classmethod
    def _known_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        if value.get_secret_value().partition("://")[0] not in REDISES:
            msg = "write redis://HOST:6379/0, rediss://… or unix://…"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _an_audience_needs_an_address(self) -> Self:
        if self.issuer and not self.public_url:
            msg = "DAERI_ISSUER needs DAERI_PUBLIC_URL: tokens are made for that address"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _embeddings_need_a_name_and_a_length(self) -> Self:
        if self.embedding_url and not (self.embedding_model and self.embedding_dimensions):
            msg = "DAERI_EMBEDDING_URL needs DAERI_EMBEDDING_MODEL and DAERI_EMBEDDING_DIMENSIONS"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _a_search_needs_an_engine(self) -> Self:
        if self.search_kind == "searxng" and not self.search_url:
            msg = "DAERI_SEARCH_KIND=searxng needs DAERI_SEARCH_URL"
            raise ValueError(msg)
        if self.search_kind in {"brave", "tavily"} and not self.search_key:
            msg = f"DAERI_SEARCH_KIND={self.search_kind} needs DAERI_SEARCH_KEY"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _news_needs_an_address(self) -> Self:
        if (self.smtp_url or self.notify_url) and not self.public_url:
            msg = "DAERI_SMTP_URL and DAERI_NOTIFY_URL need DAERI_PUBLIC_URL: news links to the document there"
            raise ValueError(msg)
        if self.smtp_url and not self.mail_from:
            msg = "DAERI_SMTP_URL needs DAERI_MAIL_FROM: the sender of the mail"
            raise ValueError(msg)
        return self

    @property
    def known_hosts(self) -> tuple[str, ...]:
        """The names to answer to; a server on loopback answers to loopback only, so no web page can rebind to it."""
        return self.hosts or (LOOPBACK_NAMES if is_loopback(self.host) else ())

    @property
    def database(self) -> Path:
        """The file of the company's records, approvals, runs and audit, where they are in one."""
        return self.dir / "daeri.db"

    @property
    def store_url(self) -> str:
        """The address of the company's records and of Daeri's own beside them; it may hold a password."""
        return self.database_url.get_secret_value() if self.database_url else f"sqlite:///{self.database}"

    @property
    def audit_key_file(self) -> Path:
        """The file of the key that signs the audit."""
        return self.audit_key or self.dir / AUDIT_KEY_FILE

    @property
    def audit_notes(self) -> list[Path]:
        """The files of notes that prove the end of the audit chain, that beside the database first."""
        return [self.dir / ANCHORS_FILE, *([self.audit_copy] if self.audit_copy else [])]

    @property
    def is_on_server(self) -> bool:
        """Whether the data is on a database server, not in a file."""
        return not self.store_url.startswith("sqlite")

    @property
    def files(self) -> Path:
        """The folder of the originals of company files, by hash."""
        return self.dir / "files"

    @property
    def compiled(self) -> Path:
        """The folder of the machine code that code with numpy runs in, this server's own."""
        return self.dir / "compiled"

    @property
    def own_files(self) -> Path:
        """The folder of the contents of people's own files, by person and hash."""
        return self.dir / "own-files"
