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
        "prompts": Text("프롬프트", "Prompts"),
        "prompts.read": Text("프롬프트 보기", "Read the prompts"),
        "prompts.about": Text(
            "모델에게 준 지시문이에요. 실행의 각 단계는 어느 버전으로 계획했는지 알려 줘요.",
            "What models were told to do. Each step of a run names the version it was planned by.",
        ),
        "prompts.since": Text("처음 쓴 때", "first used"),
        "prompts.versions": Text("버전", "Versions"),
        "prompts.none": Text("아직 모델에게 물은 적이 없어요.", "No model was asked yet."),
        "prompts.system": Text("시스템", "System"),
        "prompts.instructions": Text("에이전트의 지침", "The agent's instructions"),
        "prompts.context": Text("문맥", "Context"),
        "prompts.user": Text("사용자", "User"),
        "prompts.format": Text("답의 형식", "Form of the answer"),
        "prompts.summary": Text("대화 요약", "Summary of a conversation"),
        "runs.asked": Text("모델 {model}", "Model {model}"),
        "runs.asked.classes": Text("문맥에 든 것: {classes}", "in its context: {classes}"),
        "runs.asked.withheld": Text("보내지 않은 것: {classes}", "not sent: {classes}"),
        "usage.cached": Text("기억한 답 {n}", "{n} remembered"),
        "runs.asked.prompts": Text("프롬프트 {version}", "prompts {version}"),
        "runs.asked.cached": Text("기억해 둔 답을 다시 썼어요", "a remembered reply, at no cost"),
    }
)
