"""Which words stand on the screens about models and agents, in Korean and in English?"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from daeri.wording import Text

MODEL_TEXTS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "level.personal": Text("개인정보", "personal data"),
        "runs.classes": Text("읽은 정보", "Data read"),
        "run.waiting_run": Text("다른 에이전트 기다림", "Waiting for an agent"),
        "runs.child": Text("맡긴 실행 보기", "Open the run of that agent"),
        "runs.parent": Text("맡긴 쪽", "Asked by"),
        "runs.asked": Text("모델 {model}", "Model {model}"),
        "runs.asked.classes": Text("문맥에 든 것: {classes}", "in its context: {classes}"),
        "runs.asked.withheld": Text("보내지 않은 것: {classes}", "not sent: {classes}"),
        "usage.cached": Text("기억한 답 {n}", "{n} remembered"),
        "runs.asked.prompts": Text("프롬프트 {version}", "prompts {version}"),
        "runs.asked.cached": Text("기억해 둔 답을 다시 썼어요", "a remembered reply, at no cost"),
    }
)
