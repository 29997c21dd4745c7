"""The examples of the JSON-RPC 2.0 specification (jsonrpc.org/specification section 7), whole, and their methods."""

from daeri.errors import Conflict
from daeri.gateway.jsonrpc import Method


async def subtract(_, params):
    return params["minuend"] - params["subtrahend"]


async def total(_, params):
    return sum(params.values())


async def get_data(_, __):
    return ["hello", 5]


async def silent(_, __):
    return None


async def echo(_, params):
    return params


async def refuse(_, __):
    raise Conflict


async def fail(_, __):
    msg = "the insides"
    raise KeyError(msg)


METHODS = {
    "subtract": Method(("minuend", "subtrahend"), subtract),
    "sum": Method(("a", "b", "c"), total),
    "get_data": Method((), get_data),
    "update": Method(("a", "b", "c", "d", "e"), silent),
    "notify_hello": Method(("a",), silent),
    "notify_sum": Method(("a", "b", "c"), silent),
    "echo": Method(("value",), echo),
    "refuse": Method((), refuse),
    "fail": Method((), fail),
}


def error(code: int, message: str, call_id: object = None) -> dict:
    return {"jsonrpc": "2.0", "error": {"code": code, "message": message}, "id": call_id}


PARSE, INVALID = error(-32700, "Parse error"), error(-32600, "Invalid Request")

EXAMPLES = [
    (
        '{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}',
        {"jsonrpc": "2.0", "result": 19, "id": 1},
    ),
    (
        '{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}',
        {"jsonrpc": "2.0", "result": -19, "id": 2},
    ),
    (
        '{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}',
        {"jsonrpc": "2.0", "result": 19, "id": 3},
    ),
    (
        '{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}',
        {"jsonrpc": "2.0", "result": 19, "id": 4},
    ),
    ('{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}', None),
    ('{"jsonrpc": "2.0", "method": "foobar"}', None),
    ('{"jsonrpc": "2.0", "method": "foobar", "id": "1"}', error(-32601, "Method not found", "1")),
    ('{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', PARSE),
    ('{"jsonrpc": "2.0", "method": 1, "params": "bar"}', INVALID),
    (
        '[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"}, {"jsonrpc": "2.0", "method"]',
        PARSE,
    ),
    ("[]", INVALID),
    ("[1]", [INVALID]),
    ("[1,2,3]", [INVALID, INVALID, INVALID]),
    (
        (
            '[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},'
            '{"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},'
            '{"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},'
            '{"foo": "boo"},'
            '{"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},'
            '{"jsonrpc": "2.0", "method": "get_data", "id": "9"}]'
        ),
        [
            {"jsonrpc": "2.0", "result": 7, "id": "1"},
            {"jsonrpc": "2.0", "result": 19, "id": "2"},
            INVALID,
            error(-32601, "Method not found", "5"),
            {"jsonrpc": "2.0", "result": ["hello", 5], "id": "9"},
        ],
    ),
    (
        (
            '[{"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},'
            '{"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}]'
        ),
        None,
    ),
]


def bare(response: object) -> object:
    """Take error.data away, which the specification leaves to us."""
    if isinstance(response, list):
        return [bare(item) for item in response]
    if isinstance(response, dict) and "error" in response:
        return {**response, "error": {key: value for key, value in response["error"].items() if key != "data"}}
    return response
