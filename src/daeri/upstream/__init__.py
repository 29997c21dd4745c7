"""Services outside the company's database, adopted as operations: HTTP services by OpenAPI, and MCP servers."""
