"""What shapes do answers have? JSON schemas of the resources that every protocol shows, for the API's description."""

from typing import Any, Final, get_args

from daeri.operations.deciding.model import Part, SeatState, Status

Schema = dict[str, Any]


def _object(title: str, description: str, /, **properties: Schema) -> Schema:
    """Describe an object whose members are all present."""
    return {
        "title": title,
        "description": description,
        "type": "object",
        "required": list(properties),
        "properties": properties,
    }


def _list(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def _named(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _or_null(kind: str, **more: Any) -> Schema:
    return {"type": [kind, "null"], **more}


def _either(*items: Schema) -> Schema:
    return {"anyOf": [*items, {"type": "null"}]}


def _page(title: str, item: str) -> Schema:
    return _object(
        title,
        "One page of a list; ask for the next one with its cursor.",
        data=_list(_named(item)),
        next_cursor=_or_null("string"),
        has_more={"type": "boolean"},
    )


TEXT: Final[Schema] = {"type": "string"}
WHOLE: Final[Schema] = {"type": "integer"}
TIME: Final[Schema] = {"type": "string", "format": "date-time"}
ANYTHING: Final[Schema] = {"type": "object", "additionalProperties": True}
RUN_STATUS: Final = (
    "queued",
    "running",
    "waiting_approval",
    "waiting_input",
    "succeeded",
    "failed",
    "cancelled",
    "expired",
)

SCHEMAS: Final[dict[str, Schema]] = {
    "Person": _object(
        "Person",
        "A person as every resource embeds one; 0 is Daeri itself.",
        id=WHOLE,
        name=TEXT,
        rank=TEXT,
        title=TEXT,
        team=TEXT,
    ),
    "Me": _object(
        "Me",
        "Who the caller is.",
        person=_named("Person"),
        login=_or_null("string"),
        roles=_list(TEXT),
        agent=_or_null("string"),
        scopes=_or_null("array", items=_list(TEXT)),
        decides={"type": "boolean"},
        lang={"enum": ["ko", "en"]},
    ),
    "Change": _object(
        "Change",
        "One thing that a call changes.",
        label=TEXT,
        before=TEXT,
        after=TEXT,
    ),
    "Step": _object(
        "Step",
        "One step of an approval line.",
        position=WHOLE,
        person=_named("Person"),
        role=TEXT,
        status={"enum": list(get_args(SeatState))},
        decided_at=_or_null("string", format="date-time"),
        comment=_or_null("string"),
        part={"enum": list(get_args(Part)), "description": "결재, 검토, 합의, 참조, 열람, 수신, 협의, 후열, 답변."},
        stage=WHOLE,
        why=_or_null("string"),
    ),
    "Source": _object(
        "Source",
        "Which records an answer rests on, as of when.",
        n=WHOLE,
        operation=TEXT,
        records=_list(_object("SourceRecord", "A row.", type=TEXT, id={"type": ["integer", "string"]}, title=TEXT)),
        as_of=TIME,
    ),
    "Argument": _object("Argument", "An argument as people read it.", name=TEXT, label=TEXT, value=TEXT),
    "CallResult": _object(
        "CallResult",
        "What came of a call.",
        operation=TEXT,
        result=ANYTHING,
        say={"type": ["string", "null"], "description": "The result as a sentence."},
        sources=_list(_named("Source")),
        masked={**_list(TEXT), "description": "Fields left out because the caller may not see them."},
    ),
    "HeldCall": _object(
        "HeldCall",
        "The call became a document and waits for its approval line.",
        approval_id=TEXT,
        status={"const": "in_progress"},
        operation=TEXT,
        worded=_list(_named("Argument")),
        preview=_list(_named("Change")),
        line=_list(_named("Step")),
        because=TEXT,
    ),
    "DryRun": _object(
        "DryRun",
        "What a call would do; nothing has happened.",
        operation=TEXT,
        dry_run={"const": True},
        effect={"enum": ["read", "write", "irreversible"]},
        arguments=ANYTHING,
        worded=_list(_named("Argument")),
        preview=_list(_named("Change")),
        line=_list(_named("Step")),
        because=_or_null("string"),
    ),
    "Operation": _object(
        "Operation",
        "Something the company can do.",
        name=TEXT,
        catalog=TEXT,
        label=TEXT,
        summary=TEXT,
        description=TEXT,
        effect={"enum": ["read", "write", "irreversible"]},
        approval={"type": "boolean"},
        examples=_list(TEXT),
        input_schema=ANYTHING,
        output_schema=ANYTHING,
    ),
    "Run": _object(
        "Run",
        "An agent's work on one request.",
        run_id=TEXT,
        session_id=TEXT,
        agent=TEXT,
        agent_label=TEXT,
        status={"enum": list(RUN_STATUS)},
        input=TEXT,
        answer=_or_null("string"),
        choices=_list(_object("Choice", "Another request to send instead.", label=TEXT, input=TEXT)),
        citations=_list(_named("Source")),
        approvals=_list(TEXT),
        usage=ANYTHING,
        steps=_list(ANYTHING),
        error=_either(_named("Problem")),
        created_at=TIME,
        finished_at=_or_null("string", format="date-time"),
    ),
    "Approval": _object(
        "Approval",
        "An approval document (결재 문서).",
        approval_id=TEXT,
        number=_or_null("string"),
        operation=TEXT,
        title=TEXT,
        status={"enum": list(get_args(Status))},
        version=WHOLE,
        drafter=_named("Person"),
        agent=_or_null("string"),
        agent_label=_or_null("string"),
        drafted_at=TIME,
        arguments=_list(_named("Argument")),
        raw_arguments=ANYTHING,
        preview=_list(_named("Change")),
        because=TEXT,
        rule=TEXT,
        line=_list(_named("Step")),
        beside={
            **_list(_named("Step")),
            "description": "참조, 열람, 수신, 협의, 후열: who reads, receives or is asked.",
        },
        fields={
            **_list(ANYTHING),
            "description": "Which rows it writes, field by field, as far as the reader may see.",
        },
        difference={**_list(ANYTHING), "description": "What changed meanwhile, where it could not be applied."},
        acts={**_list(TEXT), "description": "What the caller may do to it now."},
        round=WHOLE,
        previous_id=_or_null("string"),
        next_id=_or_null("string"),
        form=ANYTHING,
        history=_list(ANYTHING),
        run_id=_or_null("string"),
        question=_or_null("string"),
        digest=TEXT,
        result_say=_or_null("string"),
        failure=_or_null("string"),
        may=_object("May", "What the caller may do now.", decide={"type": "boolean"}, withdraw={"type": "boolean"}),
        completed_at=_or_null("string", format="date-time"),
    ),
    "Row": {
        "title": "Row",
        "description": "A row with the fields the caller may see; _hidden says why others are missing, _masked why "
        "of some only a part is shown.",
        "type": "object",
        "required": ["id", "version", "_title", "_hidden", "_masked"],
        "properties": {
            "id": WHOLE,
            "version": WHOLE,
            "_title": TEXT,
            "_hidden": {"type": "object", "additionalProperties": TEXT},
            "_masked": {"type": "object", "additionalProperties": TEXT},
        },
        "additionalProperties": True,
    },
    "RecordType": _object("RecordType", "A kind of record.", type=TEXT, label=TEXT, fields=_list(ANYTHING)),
    "Explanation": _object(
        "Explanation",
        "Who may do and see what, and which rule says so.",
        person=_named("Person"),
        active={"type": "boolean"},
        agent=_or_null("string"),
        scopes=_or_null("array", items=_list(TEXT)),
        roles=_or_null("array", items=ANYTHING),
        operations=_list(ANYTHING),
        records=_list(ANYTHING),
    ),
    "AuditRow": {
        "title": "AuditRow",
        "description": "One thing that was done; rows are named by type and id, or by a range of ids.",
        "type": "object",
        "required": ["seq", "at", "person", "agent", "door", "action", "label", "outcome", "records", "wrote", "hash"],
        "properties": {
            "seq": WHOLE,
            "at": TEXT,
            "person": _named("Person"),
            "agent": _or_null("string"),
            "agent_label": _or_null("string"),
            "door": TEXT,
            "credential": TEXT,
            "action": TEXT,
            "label": TEXT,
            "outcome": TEXT,
            "records": _list(ANYTHING),
            "wrote": _list(ANYTHING),
            "personal": _or_null("array", items=TEXT),
            "people": _or_null("array", items=ANYTHING),
            "masked": _or_null("array", items=TEXT),
            "rows": _or_null("integer"),
            "from": _or_null("string"),
            "code": _or_null("string"),
            "more": ANYTHING,
            "approval_id": _or_null("string"),
            "run_id": _or_null("string"),
            "step": _or_null("integer"),
            "request_id": TEXT,
            "arguments_digest": _or_null("string"),
            "hash": TEXT,
        },
    },
    "AuditPage": _page("AuditPage", "AuditRow"),
    "AuditProof": {
        "title": "AuditProof",
        "description": "Whether every row is as it was written; where not, the first bad row and what is wrong there.",
        "type": "object",
        "required": ["verified"],
        "properties": {
            "verified": {"type": "boolean"},
            "rows": WHOLE,
            "first": WHOLE,
            "last": WHOLE,
            "last_hash": TEXT,
            "signed_to": WHOLE,
            "keys": _list(ANYTHING),
            "row": WHOLE,
            "reason": TEXT,
            "at": _or_null("string"),
            "action": _or_null("string"),
            "person_id": _or_null("integer"),
            "agent": _or_null("string"),
        },
    },
    "HistoryEntry": _object(
        "HistoryEntry",
        "One time that a row was written.",
        seq=WHOLE,
        at=TIME,
        act={"enum": ["add", "change", "remove"]},
        person=_named("Person"),
        agent=_or_null("string"),
        operation=TEXT,
        label=TEXT,
        fields=_list(_object("HistoryField", "A field that was written.", name=TEXT, label=TEXT)),
        approval_id=_or_null("string"),
    ),
    "HistoryPage": _page("HistoryPage", "HistoryEntry"),
    "RunPage": _page("RunPage", "Run"),
    "ApprovalPage": _page("ApprovalPage", "Approval"),
    "OperationPage": _page("OperationPage", "Operation"),
    "RowPage": {
        "title": "RowPage",
        "description": "One page of rows; `count` is the number of all, where it was asked for and found in time.",
        "type": "object",
        "required": ["data", "next_cursor", "has_more", "type", "label", "fields"],
        "properties": {
            "data": _list(_named("Row")),
            "next_cursor": _or_null("string"),
            "has_more": {"type": "boolean"},
            "type": TEXT,
            "label": TEXT,
            "fields": _list(ANYTHING),
            "count": _or_null("integer"),
        },
    },
    "RecordTypePage": _page("RecordTypePage", "RecordType"),
    "Problem": {
        "title": "Problem",
        "description": "What went wrong (RFC 9457); `code` is stable, the words follow Accept-Language.",
        "type": "object",
        "required": ["type", "title", "status", "detail", "code", "errors", "help", "retryable"],
        "properties": {
            "type": TEXT,
            "title": TEXT,
            "status": WHOLE,
            "detail": TEXT,
            "code": TEXT,
            "errors": _list(_object("FieldError", "One invalid field.", pointer=TEXT, detail=TEXT)),
            "help": TEXT,
            "retryable": {"type": "boolean"},
            "request_id": TEXT,
        },
        "additionalProperties": True,
    },
    "ProblemCode": _object(
        "ProblemCode",
        "What a problem's code means.",
        code=TEXT,
        title=TEXT,
        help=TEXT,
        status=WHOLE,
        rpc_code=WHOLE,
        retryable={"type": "boolean"},
    ),
    "Health": _object("Health", "The process serves.", status={"const": "ok"}, version=TEXT),
    "Readiness": _object(
        "Readiness",
        "Everything that requests need is there.",
        status={"const": "ok"},
        checks={"type": "object", "additionalProperties": TEXT},
    ),
    "RpcMessage": {
        "title": "RpcMessage",
        "description": "A JSON-RPC 2.0 request or response, or a batch of up to 50.",
        "type": ["object", "array"],
    },
}
