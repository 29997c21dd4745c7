"""MCP: the caller's permitted operations as tools, records as resources. `mount.py` is all that loads at start."""

from daeri.gateway.mcp.mount import Mcp, mcp

__all__ = ["Mcp", "mcp"]
