"""What does a search engine find? One question over the guard to the engine that the deployer set; no page is opened.

Each kind is how it is asked and where its answer has the results. Answers are checked field by field: an engine's
results are written by anyone.
"""

import html
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal
from urllib.parse import urlencode, urlsplit

from daeri.outbound.guard import Unsent, resolved, sent

Kind = Literal["searxng", "brave", "tavily"]
TITLE_MAX: Final = 200
TEXT_MAX: Final = 600
URL_MAX: Final = 2_000
BRAVE_WORDS: Final = 50
"""It refuses questions of more words."""
OK: Final = 200
_HANGUL: Final = re.compile("[가-힣ㄱ-ㅎㅏ-ㅣ]")
_TAG: Final = re.compile(r"</?[a-z][^>]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Result:
    """One result: where, and what the engine quotes of it."""

    url: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class _Asked:
    headers: Mapping[str, str]
    parameters: Mapping[str, str | int] = field(default_factory=dict)
    body: bytes = b""

    @property
    def method(self) -> str:
        return "POST" if self.body else "GET"


@dataclass(frozen=True, slots=True)
class _Way:
    """How one kind of engine is asked, and where its answer has what."""

    url: str
    ask: Callable[[str, str, int], _Asked]
    path: tuple[str, ...]
    text: str


def _searxng(key: str, query: str, limit: int) -> _Asked:
    del limit
    return _Asked({"Authorization": f"Bearer {key}"} if key else {}, {"q": query, "format": "json"})


def _brave(key: str, query: str, limit: int) -> _Asked:
    asked: dict[str, str | int] = {"q": " ".join(query.split()[:BRAVE_WORDS]), "count": limit}
    if _HANGUL.search(query):  # it takes who says nothing for an American who reads English
        asked |= {"country": "KR", "search_lang": "ko"}
    return _Asked({"X-Subscription-Token": key}, asked)


def _tavily(key: str, query: str, limit: int) -> _Asked:
    body = json.dumps({"query": query, "max_results": limit}).encode()
    return _Asked({"Authorization": f"Bearer {key}", "Content-Type": "application/json"}, body=body)


_WAYS: Final[Mapping[Kind, _Way]] = {
    "searxng": _Way("", _searxng, ("results",), "content"),
    "brave": _Way("https://api.search.brave.com/res/v1/web/search", _brave, ("web", "results"), "description"),
    "tavily": _Way("https://api.tavily.com/search", _tavily, ("results",), "content"),
}


@dataclass(frozen=True, slots=True)
class Engine:
    """A search engine of one kind, at its usual address or another."""

    kind: Kind
    url: str = ""
    key: str = ""

    @property
    def host(self) -> str:
        """Whom a question goes to."""
        return urlsplit(self.url or _WAYS[self.kind].url).hostname or ""

    async def find(self, query: str, limit: int) -> list[Result]:
        """Ask for what is written somewhere.

        Raises:
            Unsent: the engine gives no proper answer.
        """
        way = _WAYS[self.kind]
        asked = way.ask(self.key, query, limit)
        target = await resolved(self.url or way.url, private=True)
        parameters = "&".join(filter(None, (target.url.query, urlencode(asked.parameters))))
        target = replace(target, url=target.url._replace(query=parameters))
        headers = {"Accept": "application/json", **asked.headers}
        status, content = await sent(asked.method, target, headers=headers, body=asked.body)
        if status != OK:
            raise Unsent(f"HTTP {status}")
        found: Any = _parsed(content)
        for name in way.path:
            found = found.get(name) if isinstance(found, dict) else None
        results = [_result(each, way.text) for each in _listed(found) if isinstance(each, dict)]
        return [each for each in results if each is not None][:limit]


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise Unsent("no JSON") from None


def _listed(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _result(said: dict[str, Any], text: str) -> Result | None:
    url = str(said.get("url") or "")
    try:
        usable = urlsplit(url).scheme in {"http", "https"} and url.isprintable() and len(url) <= URL_MAX
    except ValueError:
        usable = False
    return Result(url, _plain(said.get("title"), TITLE_MAX), _plain(said.get(text), TEXT_MAX)) if usable else None


def _plain(said: Any, most: int) -> str:
    return " ".join(html.unescape(_TAG.sub("", str(said or ""))).split())[:most]
