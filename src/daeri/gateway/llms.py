"""What should a model read first that finds this server? `/llms.txt`: what it is, how to ask, where the rest stands."""

from typing import Final

from daeri.operations.company import Company
from daeri.operations.operation import Operation

_WHAT: Final = """
> Daeri, the server between this company's systems and its AI agents: records are read within a person's permissions,
> and changed through the company's approval line.
""".strip()
_DOORS: Final = """
## How to ask

Every request bears `Authorization: Bearer KEY` (or a browser's session) and is done as that person, within what the
person may do. Ask which operations the key may call before you call one: the list below is everybody's.

- [MCP](/mcp): the operations as tools, the records and documents as resources
- [OpenAI-compatible](/v1/models): chat completions and responses at `/v1`; the model `agent/assistant` is the agent
- [A2A](/.well-known/agent-card.json): the agent's card
- [JSON-RPC](/rpc): POST `{"jsonrpc": "2.0", "method": "get_response", "params": {"prompt": "…"}, "id": 1}`; the same
  over a WebSocket at `/ws`, with `runs.subscribe`. Answer its pings: whoever does not is let go within 40 seconds
- [REST](/openapi.json): POST `/v1/runs?wait=30` `{"input": "…"}` asks the agent in plain words; POST `/v1/ops/NAME`
  calls one operation; `?dry_run=true` tells what it would do

## What to expect

- An answer 202 with `approval_id` means that people decide first (결재): nothing has happened yet. No agent decides.
- What the person may not see answers as if it were not there.
- An error names its code, and `/problems/CODE` says what to do about it.
- `Idempotency-Key` keeps a repeated request from acting twice.

## More

- [Description](/openapi.json): OpenAPI 3.1, every operation with its input and output
- [Operations](/docs): the same as a page, with an example call of each
""".strip()


def llms_text(company: Company) -> str:
    """Return the text, in Markdown; English with the names as the company says them."""
    head = [
        f"# {company.name.en} ({company.name.ko})",
        _WHAT,
        _DOORS,
    ]
    catalogs = [
        "\n".join([f"## {catalog.label.en} ({catalog.label.ko})", "", *map(_line, catalog.operations.values())])
        for catalog in company.catalogs
    ]
    return "\n\n".join([*head, *catalogs]) + "\n"


def _line(operation: Operation) -> str:
    approval = "; needs approval" if operation.approval is not None else ""
    told = " ".join(operation.description.split("\n\n")[0].split())
    return f"- [{operation.name}](/docs): {told} ({operation.effect}{approval})"
