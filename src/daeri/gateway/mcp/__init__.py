"""MCP: the caller's permitted operations as tools, records as resources. `mount.py` is all that loads at start."""

from daeri.gateway.mcp.extras import Exchange, ExtraPrompt, ExtraResource, Extras, ExtraTool, text
from daeri.gateway.mcp.mount import Mcp, mcp

__all__ = ["Exchange", "ExtraPrompt", "ExtraResource", "ExtraTool", "Extras", "Mcp", "mcp", "text"]
