"""What do the settings name? The models, agents, budgets and services of others that a deployer chose, as values.

Nothing is opened here; `app.py` makes the parts of a server of these values.
"""

from dataclasses import replace

from daeri.errors import DeclarationError
from daeri.gateway import IssuerOptions
from daeri.gateway.guard import NewsOptions
from daeri.models.table import budgets_in, models_in
from daeri.models.wire import Model
from daeri.operations.agents import agents_in, check_agents
from daeri.operations.budgets import Budget
from daeri.operations.company import Company
from daeri.outbound.engines import Engine as SearchEngine
from daeri.settings import Settings, environment
from daeri.tools.web import web_catalog

OPENROUTER = "https://openrouter.ai/api/v1"


def equipped(company: Company, settings: Settings) -> Company:
    """Return the company with the tools that the settings offer beside its own operations."""
    if not (settings.web or settings.search_kind):
        return company
    web = web_catalog(fetch=settings.web, search=bool(settings.search_kind))
    return replace(company, catalogs=[*company.catalogs, web])


def search_engine_of(settings: Settings) -> SearchEngine | None:
    """Return the search engine that the settings name, if they name one."""
    if not settings.search_kind:
        return None
    key = settings.search_key.get_secret_value() if settings.search_key else ""
    return SearchEngine(settings.search_kind, settings.search_url, key)


def models_of(settings: Settings) -> list[Model]:
    """Return the language models that the settings name; none means keyless.

    Raises:
        TableError: the file of models cannot be used.
    """
    if settings.models is not None:
        return models_in(settings.models, environment())
    if settings.model_url:
        key = settings.model_api_key.get_secret_value() if settings.model_api_key else ""
        return [Model(settings.model, settings.model_url, key, settings.model)]
    if settings.openrouter_api_key:
        return [Model(settings.model, OPENROUTER, settings.openrouter_api_key.get_secret_value(), settings.model)]
    return []


def with_agents(company: Company, settings: Settings) -> Company:
    """Return a company with the agents that the settings add to those of its own.

    Raises:
        DeclarationError: the file of agents is missing or wrong, or an agent names a model that is not there.
        TableError: the file of models cannot be used.
    """
    if settings.agents is not None:
        added = agents_in(settings.agents)
        roles = company.roles
        check_agents([*company.agents, *added], company.operations.keys(), roles, f"{settings.agents}: agents")
        company = replace(company, agents=[*company.agents, *added])
    known = {model.name for model in models_of(settings)}
    for agent in company.agents:
        if agent.model is not None and known and agent.model not in known:
            names = ", ".join(sorted(known))
            raise DeclarationError(f"agents.{agent.name}: there is no model {agent.model!r}; there are {names}")
    return company


def budgets_of(settings: Settings) -> list[Budget]:
    """Return how much the settings let people spend on models.

    Raises:
        TableError: the file of models cannot be used.
    """
    return budgets_in(settings.models) if settings.models is not None else []


def embedder_of(settings: Settings) -> Model | None:
    """Return the endpoint whose vectors documents are found by, if the settings name one."""
    if not settings.embedding_url:
        return None
    key = settings.embedding_api_key.get_secret_value() if settings.embedding_api_key else ""
    return Model(settings.embedding_model, settings.embedding_url, key, settings.embedding_model)


def raw_models_of(settings: Settings) -> tuple[list[Model], list[Model]]:
    """Return the models that may be used as they are: those for text, those for embeddings."""
    main, own, name = models_of(settings), embedder_of(settings), settings.embedding_model
    if own is not None:
        return main, [own]
    return main, [replace(main[0], name=name, model=name)] if main and name else []


def issuer_of(settings: Settings) -> IssuerOptions | None:
    """Return the identity provider that the settings name, if they name one."""
    if not settings.issuer:
        return None
    return IssuerOptions(
        url=settings.issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else "",
        login_claim=settings.login_claim,
        role_claim=settings.role_claim,
        roles=settings.roles_from_claims,
    )


def news_of(settings: Settings) -> NewsOptions:
    """Return where the settings send news of approvals."""
    return NewsOptions(
        smtp_url=settings.smtp_url.get_secret_value() if settings.smtp_url else "",
        mail_from=settings.mail_from,
        hook=settings.notify_url,
        hook_secret=settings.notify_secret.get_secret_value() if settings.notify_secret else "",
    )
