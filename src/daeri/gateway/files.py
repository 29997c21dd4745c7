"""How does a person fetch a file of their own? As bytes to be saved; all else about files is operations."""

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from daeri.errors import NotFound
from daeri.gateway.documents import attached, row_id
from daeri.gateway.endpoints import Endpoint, media
from daeri.gateway.routes import Table
from daeri.gateway.services import Services
from daeri.gateway.wire import Query, language
from daeri.records.actor import Actor

FILE_ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint(
        "get",
        "/v1/files/{key}/content",
        "files.content",
        "documents",
        "내 파일 받기 (download a file of one's own)",
        "The file's content, for its owner alone. Files are listed, read, written and deleted by the operations "
        "files.list, files.read, files.write and files.delete.",
        {200: media("The file.", "application/octet-stream")},
        problems=("not-found", "permission-denied", "validation-failed"),
    ),
)


class FileRoutes:
    """People's own files."""

    def __init__(self, services: Services) -> None:
        """Take the services."""
        self._files = services.own_files

    def add_to(self, table: Table) -> None:
        """Put the route at its path."""
        table.at("/v1/files/{key}/content", get=self.content)

    async def content(self, request: Request, actor: Actor) -> Response:
        """Send a file to its owner."""
        Query(request)
        if self._files is None:
            raise NotFound
        key = row_id(request.path_params["key"])
        name, content = await self._files.content(actor, key, language(request.headers))
        return Response(content, media_type="application/octet-stream", headers=attached(name))
