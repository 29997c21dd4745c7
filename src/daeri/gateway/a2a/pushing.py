"""How does a client of A2A have a task's changes sent? Push notification configurations, as the protocol has them."""

from typing import Any

from a2a.types import a2a_pb2 as pb
from a2a.utils.errors import PushNotificationNotSupportedError

from daeri.gateway.delivery import Deliverer
from daeri.gateway.jsonrpc import Caller
from daeri.gateway.services import Services
from daeri.runs.pushes import Address


class Pushing:
    """Writes and reads the addresses of tasks."""

    def __init__(self, services: Services, deliverer: Deliverer) -> None:
        """Take the addresses, and who sends to them."""
        self._pushes = services.pushes
        self._deliverer = deliverer

    async def create(self, caller: Caller, sent: pb.TaskPushNotificationConfig) -> pb.TaskPushNotificationConfig:
        """Note an address.

        Raises:
            ValidationFailed: the address may not be called.
        """
        if not sent.task_id.startswith("run_"):
            raise PushNotificationNotSupportedError
        await self._deliverer.check(sent.url)
        address = Address(sent.url, sent.token, sent.authentication.scheme, sent.authentication.credentials)
        made = await self._pushes.create(caller.actor, sent.task_id, address)
        self._deliverer.wake()
        return _config(made)

    async def get(self, caller: Caller, task_id: str, config_id: str) -> pb.TaskPushNotificationConfig:
        """Show one."""
        return _config(await self._pushes.get(caller.actor, task_id, config_id))

    async def all(self, caller: Caller, task_id: str) -> list[pb.TaskPushNotificationConfig]:
        """Show all of a task."""
        return [_config(made) for made in await self._pushes.all(caller.actor, task_id)]

    async def delete(self, caller: Caller, task_id: str, config_id: str) -> None:
        """Forget one."""
        await self._pushes.delete(caller.actor, task_id, config_id)


def _config(made: dict[str, Any]) -> pb.TaskPushNotificationConfig:
    """Render an address; its secrets were told once, by whoever gave them."""
    config = pb.TaskPushNotificationConfig(id=made["id"], task_id=made["run_id"], url=made["url"])
    if made["scheme"]:
        config.authentication.scheme = made["scheme"]
    return config
