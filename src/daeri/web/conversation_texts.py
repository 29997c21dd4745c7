"""Which words stand around conversations? Their list, title and search; asking again, forking, deleting."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from daeri.wording import Text

CONVERSATION_TEXTS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "kind.summarize": Text("앞 대화 요약", "Sum up"),
        "talk.search": Text("제목·질문·답변에서 찾기", "Search titles, questions and answers"),
        "talk.find": Text("찾기", "Search"),
        "talk.none": Text("그 말이 나온 대화가 없어요.", "No conversation holds these words."),
        "talk.title": Text("제목", "Title"),
        "talk.rename": Text("제목 바꾸기", "Rename"),
        "talk.delete": Text("대화 지우기", "Delete conversation"),
        "talk.delete.why": Text(
            "지우면 다시 볼 수 없어요. 올린 결재는 그대로 남아요.",
            "A deleted conversation cannot be seen again. What it filed for approval stays.",
        ),
        "talk.fork": Text("베껴서 새 대화 시작하기", "Start a new conversation with a copy"),
        "talk.fork.here": Text("여기서 갈라지기", "Fork here"),
        "talk.origin": Text("베껴 온 대화", "Forked from"),
        "talk.edit": Text("고치기", "Edit"),
        "talk.again": Text("고쳐서 다시 묻기", "Ask again in other words"),
        "talk.replaced": Text("고치기 전에 물은 것", "Asked before the change"),
    }
)
