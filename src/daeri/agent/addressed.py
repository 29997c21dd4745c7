"""Which pages are to be read? A request that gives addresses, and asks for nothing but what they say.

For the keyless planner: an operation that takes an address says so by its declaration (`Address`).
"""

import re
from typing import Final

from daeri.agent.analyzer import Analysis, analyze
from daeri.agent.planner import Call, Situation
from daeri.agent.selector import index_of
from daeri.agent.vocabulary import explains

PAGES_MAX: Final = 3
"""Pages that one request reads."""
_ADDRESS: Final = re.compile(
    r"(?P<address>https?://[\w.~:/?#@!$&*+,;=%-]*[\w/=#%-])(?:을|를|의|에서|에|은|는|이|가|으로|로)?(?![\w/])",
    re.IGNORECASE | re.ASCII,
)


def pages_to_read(situation: Situation, analysis: Analysis) -> list[Call]:
    """Return a call for each address of a request; none where it asks for anything besides, or says not to."""
    found = list(dict.fromkeys(match["address"] for match in _ADDRESS.finditer(analysis.text)))
    operation = next((each for each in situation.tools if each.signature.addresses), None)
    if operation is None or not 0 < len(found) <= PAGES_MAX:
        return []
    rest = analyze(_ADDRESS.sub(" ", analysis.text), analysis.today, situation.lang)
    known = index_of(situation.tools).vocabularies[operation.name].known
    words = [word for part in rest.parts for word in part.words]
    if any(part.entities for part in rest.parts) or not all(
        word.passed or word.question or explains(known, word) for word in words
    ):
        return []
    name = next(iter(operation.signature.addresses))
    return [Call(operation.name, {name: address}) for address in found]
