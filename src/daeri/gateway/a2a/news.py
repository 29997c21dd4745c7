"""What is told of a run's progress to an address? A stream response of A2A that holds the task."""

from collections.abc import Mapping
from typing import Any


def told(run: Mapping[str, Any]) -> dict[str, Any]:
    """Render a run as the body of a push notification."""
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415 - the SDK loads only where it is used

    from daeri.gateway.a2a.render import task_of_run  # noqa: PLC0415 - same

    return {"task": MessageToDict(task_of_run(run))}
