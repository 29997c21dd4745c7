"""Which words stand around conversations and memories? Lists, titles, search; asking again, forking, forgetting."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from daeri.wording import Text

CONVERSATION_TEXTS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "kind.recall": Text("기억 떠올리기", "Recall"),
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
        "memory": Text("기억", "Memory"),
        "memory.about": Text(
            "대리가 나에 대해 기억하는 것이에요. 나만 볼 수 있고, 고치거나 지울 수 있어요.",
            "What agents remember of you. Only you see it, and you can correct it or have it forgotten.",
        ),
        "memory.new": Text("기억할 내용", "What to remember"),
        "memory.remember": Text("기억하기", "Remember"),
        "memory.number": Text("기억 {n}", "Memory {n}"),
        "memory.by": Text("{name} 제안", "proposed by {name}"),
        "memory.correct": Text("고치기", "Correct"),
        "memory.forget": Text("잊기", "Forget"),
        "memory.empty": Text("아직 기억하는 것이 없어요.", "Nothing is remembered yet."),
        "talk.replaced": Text("고치기 전에 물은 것", "Asked before the change"),
    }
)
