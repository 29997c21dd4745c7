"""Who may call an operation, and what is said to whoever may not?"""

from collections.abc import Mapping

from daeri.errors import PermissionDenied
from daeri.operations.operation import Having, Operation
from daeri.records.actor import Actor
from daeri.wording import Text, fit_josa


def is_allowed(operation: Operation, actor: Actor) -> bool:
    """Say whether the person, the agent and the key all may call it."""
    return operation.allow(actor) and actor.may_call(operation.name, operation.effect)


def not_allowed(roles: Mapping[str, Text], operation: Operation, actor: Actor) -> PermissionDenied:
    """Say who may: the roles by their names for people, or the docstring of the company's own rule."""
    label = operation.label
    if operation.allow(actor):
        return PermissionDenied(
            Text(
                fit_josa(f"{label.ko}은(는) 이 에이전트나 키로는 할 수 없어요"),
                f"This agent or key may not call {operation.name}",
            )
        )
    if not isinstance(operation.allow, Having):
        rule = (operation.allow.__doc__ or "").strip()
        return PermissionDenied(Text(f"{label.ko}: {rule}", f"{label.en}: {rule}"))
    named = [roles.get(role, Text(role, role)) for role in operation.allow.roles]
    return PermissionDenied(
        Text(
            fit_josa(f"{label.ko}은(는) {' · '.join(role.ko for role in named)}만 할 수 있어요"),
            f"{label.en} is for {', '.join(role.en for role in named)} only",
        )
    )
