"""The wire: who comes in, and how each protocol writes the same few services. No permission and no business rule."""

from daeri.gateway.guard import Options
from daeri.gateway.issuer import IssuerOptions
from daeri.gateway.mount import Gateway, gateway
from daeri.gateway.services import Services

__all__ = ["Gateway", "IssuerOptions", "Options", "Services", "gateway"]
