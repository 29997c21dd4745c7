"""Language models: one client for OpenAI-compatible endpoints (client.py) and the choice among models (route.py).

The wire format of models stays behind this package; it imports neither runs nor anything above.
"""

from daeri.models.client import (
    EndpointFailed,
    Finished,
    InvalidToolCall,
    Item,
    Model,
    ModelClient,
    ModelRefused,
    ModelTimeout,
    TextDelta,
    ToolCall,
    Usage,
    assistant_message,
    tool_message,
)
from daeri.models.route import Models

__all__ = [
    "EndpointFailed",
    "Finished",
    "InvalidToolCall",
    "Item",
    "Model",
    "ModelClient",
    "ModelRefused",
    "ModelTimeout",
    "Models",
    "TextDelta",
    "ToolCall",
    "Usage",
    "assistant_message",
    "tool_message",
]
