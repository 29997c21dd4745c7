"""How do runs and documents look as A2A tasks? The run is the task, its session the context, its answer an artifact.

A task that waits for an approval is input-required, and its message tells who must approve: what is put in is a
person's decision in their own session, never a message.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from a2a.types.a2a_pb2 import (
    Artifact,
    Message,
    Part,
    Role,
    Task,
    TaskArtifactUpdateEvent,
    TaskState,
    TaskStatus,
    TaskStatusUpdateEvent,
)
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from daeri.wording import Lang, Text

ANSWER: Final = "answer"
OF_RUN: Final[Mapping[str, TaskState]] = {
    "queued": TaskState.TASK_STATE_SUBMITTED,
    "running": TaskState.TASK_STATE_WORKING,
    "waiting_approval": TaskState.TASK_STATE_INPUT_REQUIRED,
    "waiting_input": TaskState.TASK_STATE_INPUT_REQUIRED,
    "waiting_run": TaskState.TASK_STATE_WORKING,
    "succeeded": TaskState.TASK_STATE_COMPLETED,
    "failed": TaskState.TASK_STATE_FAILED,
    "cancelled": TaskState.TASK_STATE_CANCELED,
    "expired": TaskState.TASK_STATE_FAILED,
}
OF_APPROVAL: Final[Mapping[str, TaskState]] = {
    "in_progress": TaskState.TASK_STATE_INPUT_REQUIRED,
    "applied": TaskState.TASK_STATE_COMPLETED,
    "rejected": TaskState.TASK_STATE_REJECTED,
    "withdrawn": TaskState.TASK_STATE_CANCELED,
    "apply_failed": TaskState.TASK_STATE_FAILED,
}
ON_THE_WAY: Final[Mapping[str, TaskState]] = {
    "run.waiting": TaskState.TASK_STATE_INPUT_REQUIRED,
    "run.resumed": TaskState.TASK_STATE_WORKING,
}
"""States that an event tells by itself; the others are ends, which the run keeps."""
ENDED: Final = frozenset(
    {
        TaskState.TASK_STATE_COMPLETED,
        TaskState.TASK_STATE_FAILED,
        TaskState.TASK_STATE_CANCELED,
        TaskState.TASK_STATE_REJECTED,
    }
)
_WAITS: Final = Text(
    "{who}의 결재가 필요해요. 결재는 그분이 자기 화면에서만 할 수 있어요.",
    "Needs the approval of {who}, who decides in their own session only.",
)


def task_of_run(run: Mapping[str, Any], history: int | None = None) -> Task:
    """Render a run; `history` is how many of its messages are wanted, None for all."""
    told = [_message(f"{run['run_id']}-input", Role.ROLE_USER, [text(run["input"])], run)]
    artifacts = []
    state = OF_RUN[run["status"]]
    if run["answer"] and state in ENDED:
        told.append(_message(f"{run['run_id']}-answer", Role.ROLE_AGENT, [text(run["answer"])], run))
        artifacts.append(artifact_of(run))
    return Task(
        id=run["run_id"],
        context_id=run["session_id"],
        status=status_of_run(run),
        artifacts=artifacts,
        history=told if history is None else told[len(told) - history :] if history else [],
        metadata=struct({"daeri/status": run["status"], "daeri/agent": run["agent"]}),
    )


def status_of_run(run: Mapping[str, Any]) -> TaskStatus:
    """Render where a run stands."""
    state = OF_RUN[run["status"]]
    parts = []
    if run["error"]:
        parts = [text(run["error"]["detail"]), data({"problem": run["error"]})]
    elif state == TaskState.TASK_STATE_INPUT_REQUIRED and run["answer"]:
        held = [step["output"]["held"] for step in run["steps"] if step["status"] == "waiting"]
        parts = [text(run["answer"]), *map(data, held[:1])]  # those filed together tell of one document
    message = _message(f"{run['run_id']}-{run['status']}", Role.ROLE_AGENT, parts, run) if parts else None
    return TaskStatus(state=state, message=message, timestamp=moment(run["finished_at"] or run["created_at"]))


def artifact_of(run: Mapping[str, Any]) -> Artifact:
    """Render a run's answer with what it rests on."""
    rest = {name: run[name] for name in ("citations", "choices", "approvals", "usage")}
    return Artifact(artifact_id=ANSWER, name=ANSWER, parts=[text(run["answer"]), data(rest)])


def task_of_approval(document: Mapping[str, Any], lang: Lang) -> Task:
    """Render a document that a call became."""
    state = OF_APPROVAL[document["status"]]
    said = waiting_for(document["line"], lang) if document["status"] == "in_progress" else _end(document)
    run = {"run_id": document["approval_id"], "session_id": document["approval_id"]}
    message = _message(f"{document['approval_id']}-{document['version']}", Role.ROLE_AGENT, [text(said)], run)
    last = max([document["drafted_at"], *(act["at"] for act in document["history"])])
    done = state == TaskState.TASK_STATE_COMPLETED
    return Task(
        id=document["approval_id"],
        context_id=document["approval_id"],
        status=TaskStatus(state=state, message=message, timestamp=moment(last)),
        artifacts=[Artifact(artifact_id=ANSWER, name=ANSWER, parts=[text(said), data(document)])] if done else [],
        metadata=struct({"daeri/status": document["status"], "daeri/operation": document["operation"]}),
    )


def task_of_held(held: Mapping[str, Any], at: str, lang: Lang) -> Task:
    """Render a call that was just filed, from what filing it told: looking at the document would be another act."""
    run = {"run_id": held["approval_id"], "session_id": held["approval_id"]}
    parts = [text(waiting_for(held["line"], lang)), data(held)]
    message = _message(f"{held['approval_id']}-1", Role.ROLE_AGENT, parts, run)
    status = TaskStatus(state=TaskState.TASK_STATE_INPUT_REQUIRED, message=message, timestamp=moment(at))
    told = struct({"daeri/status": held["status"], "daeri/operation": held["operation"]})
    return Task(id=held["approval_id"], context_id=held["approval_id"], status=status, metadata=told)


def waiting_for(line: Sequence[Mapping[str, Any]], lang: Lang) -> str:
    """Say who must approve."""
    step = next((each for each in line if each["status"] == "waiting"), line[0])
    person = step["person"]
    return _WAITS.to(lang).format(who=f"{person['name']} {person['title'] or person['rank']}")


def answer_of(body: Mapping[str, Any], say: str | None, message_id: str, context_id: str) -> Message:
    """Render what a call answers with at once."""
    parts = [*([text(say)] if say else []), data(body)]
    return Message(message_id=message_id, context_id=context_id, role=Role.ROLE_AGENT, parts=parts)


def update_of(event: Mapping[str, Any], run: Mapping[str, Any]) -> TaskStatusUpdateEvent | TaskArtifactUpdateEvent:
    """Render an event of a run; the event itself goes along as metadata."""
    ids = {"task_id": run["run_id"], "context_id": run["session_id"], "metadata": struct({"daeri/event": dict(event)})}
    if event["type"] == "message.delta":
        piece = Artifact(artifact_id=ANSWER, name=ANSWER, parts=[text(event["text"])])
        return TaskArtifactUpdateEvent(artifact=piece, append=True, last_chunk=False, **ids)
    if event["type"] == "message.completed":
        whole = Artifact(artifact_id=ANSWER, name=ANSWER, parts=[text(event["text"])])
        return TaskArtifactUpdateEvent(artifact=whole, append=False, last_chunk=True, **ids)
    state = TaskState.TASK_STATE_WORKING
    status = TaskStatus(state=state, timestamp=moment(event["ts"]))
    return TaskStatusUpdateEvent(status=status, **ids)


def status_update(
    run: Mapping[str, Any], event: Mapping[str, Any], held: Mapping[str, Any] | None, lang: Lang
) -> TaskStatusUpdateEvent:
    """Render that a run came to stand elsewhere: as the event says, for the run itself may be further by now.

    Args:
        run: the run, as it ended where the event is its end.
        event: what happened.
        held: the event that told of the document it waits for.
        lang: the language of the words.
    """
    state = ON_THE_WAY.get(event["type"])
    status = TaskStatus(state=state, timestamp=moment(event["ts"])) if state is not None else status_of_run(run)
    if state == TaskState.TASK_STATE_INPUT_REQUIRED and held is not None:
        parts = [text(waiting_for(held["line"], lang)), data(held)]
        status.message.CopyFrom(_message(f"{run['run_id']}-{event['seq']}", Role.ROLE_AGENT, parts, run))
    return TaskStatusUpdateEvent(
        task_id=run["run_id"],
        context_id=run["session_id"],
        status=status,
        metadata=struct({"daeri/event": dict(event)}),
    )


def text(value: str) -> Part:
    """Return a part of words."""
    return Part(text=value, media_type="text/plain")


def data(value: Mapping[str, Any]) -> Part:
    """Return a part of JSON."""
    return Part(data=ParseDict(dict(value), Value()), media_type="application/json")


def struct(value: Mapping[str, Any]) -> Struct:
    """Return metadata."""
    return ParseDict(dict(value), Struct())


def moment(at: str) -> Timestamp:
    """Return a time."""
    stamp = Timestamp()
    stamp.FromJsonString(at)
    return stamp


def _end(document: Mapping[str, Any]) -> str:
    comments = [step["comment"] for step in document["line"] if step["comment"]]
    return str(document["result_say"] or document["failure"] or "; ".join(comments) or document["status"])


def _message(message_id: str, role: Role, parts: Sequence[Part], run: Mapping[str, Any]) -> Message:
    return Message(message_id=message_id, role=role, parts=parts, task_id=run["run_id"], context_id=run["session_id"])
