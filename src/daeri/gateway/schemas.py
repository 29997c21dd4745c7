"""What shapes do answers have? JSON schemas of the resources that every protocol shows, for the API's description."""

from typing import Any, Final, get_args

from daeri.operations.deciding.model import Part, SeatState, Status

Schema = dict[str, Any]


def object_of(title: str, description: str, /, **properties: Schema) -> Schema:
    """Describe an object whose members are all present."""
    return {
        "title": title,
        "description": description,
        "type": "object",
        "required": list(properties),
        "properties": properties,
    }


def sometimes(described: Schema, /, **properties: Schema) -> Schema:
    """Add members to an object that it does not always have."""
    return {**described, "properties": {**described["properties"], **properties}}


def list_of(item: Schema) -> Schema:
    """Describe a list."""
    return {"type": "array", "items": item}


def named(name: str) -> Schema:
    """Refer to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def or_null(kind: str, **more: Any) -> Schema:
    """Describe a value that may be missing."""
    return {"type": [kind, "null"], **more}


def _either(*items: Schema) -> Schema:
    return {"anyOf": [*items, {"type": "null"}]}


def page_of(title: str, item: str) -> Schema:
    """Describe a page of a list."""
    return object_of(
        title,
        "One page of a list; ask for the next one with its cursor.",
        data=list_of(named(item)),
        next_cursor=or_null("string"),
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
    "waiting_run",
    "succeeded",
    "failed",
    "cancelled",
    "expired",
)

SCHEMAS: Final[dict[str, Schema]] = {
    "Person": object_of(
        "Person",
        "A person as every resource embeds one; 0 is Daeri itself.",
        id=WHOLE,
        name=TEXT,
        rank=TEXT,
        title=TEXT,
        team=TEXT,
    ),
    "Me": object_of(
        "Me",
        "Who the caller is.",
        person=named("Person"),
        login=or_null("string"),
        roles=list_of(TEXT),
        agent=or_null("string"),
        scopes=or_null("array", items=list_of(TEXT)),
        decides={"type": "boolean"},
        lang={"enum": ["ko", "en"]},
    ),
    "Change": object_of(
        "Change",
        "One thing that a call changes.",
        label=TEXT,
        before=TEXT,
        after=TEXT,
    ),
    "Step": object_of(
        "Step",
        "One step of an approval line.",
        position=WHOLE,
        person=named("Person"),
        role=TEXT,
        status={"enum": list(get_args(SeatState))},
        decided_at=or_null("string", format="date-time"),
        comment=or_null("string"),
        part={"enum": list(get_args(Part)), "description": "결재, 검토, 합의, 참조, 열람, 수신, 협의, 후열, 답변."},
        stage=WHOLE,
        why=or_null("string"),
    ),
    "Source": sometimes(
        object_of(
            "Source",
            "Which records an answer rests on, as of when.",
            n=WHOLE,
            operation=TEXT,
            label={"type": "string", "description": "The operation's name for people."},
            records=list_of(
                object_of("SourceRecord", "A row.", type=TEXT, id={"type": ["integer", "string"]}, title=TEXT)
            ),
            as_of=TIME,
        ),
        passages={**list_of(ANYTHING), "description": "Passages of documents that were told: file, place, text."},
        pages={**list_of(TEXT), "description": "Addresses of pages of the web that were told."},
        untrusted={
            "type": "boolean",
            "description": "Its text is a document's or a page's: anyone may have written it.",
        },
        classes={**list_of(TEXT), "description": "Data classes that it holds beyond internal: personal, secret."},
    ),
    "Argument": object_of("Argument", "An argument as people read it.", name=TEXT, label=TEXT, value=TEXT),
    "CallResult": sometimes(
        object_of(
            "CallResult",
            "What came of a call.",
            operation=TEXT,
            result=ANYTHING,
            say={"type": ["string", "null"], "description": "The result as a sentence."},
            sources=list_of(named("Source")),
            masked={**list_of(TEXT), "description": "Fields left out because the caller may not see them."},
        ),
        withheld={**list_of(TEXT), "description": "Fields of which figures were not told: too few people."},
        age={"type": "integer", "description": "Seconds since it was read, where the answer is a remembered one."},
        consented_by={**TEXT, "description": "The document by which it was done at once, on a standing consent."},
    ),
    "HeldCall": object_of(
        "HeldCall",
        "The call became a document and waits for its approval line.",
        approval_id=TEXT,
        status={"const": "in_progress"},
        operation=TEXT,
        worded=list_of(named("Argument")),
        preview=list_of(named("Change")),
        line=list_of(named("Step")),
        because=TEXT,
        bundled={**list_of(ANYTHING), "description": "Further calls of the run's step that the document decides too."},
    ),
    "DryRun": object_of(
        "DryRun",
        "What a call would do; nothing has happened.",
        operation=TEXT,
        dry_run={"const": True},
        effect={"enum": ["read", "write", "irreversible"]},
        arguments=ANYTHING,
        worded=list_of(named("Argument")),
        preview=list_of(named("Change")),
        line=list_of(named("Step")),
        because=or_null("string"),
    ),
    "Operation": object_of(
        "Operation",
        "Something the company can do.",
        name=TEXT,
        catalog=TEXT,
        label=TEXT,
        summary=TEXT,
        description=TEXT,
        effect={"enum": ["read", "write", "irreversible"]},
        approval={"type": "boolean"},
        examples=list_of(TEXT),
        input_schema=ANYTHING,
        output_schema=ANYTHING,
    ),
    "RunEvent": sometimes(
        object_of(
            "RunEvent",
            "One server-sent event of a run.",
            data={"type": "string", "description": "JSON: run_id, seq, ts, type, and what happened."},
        ),
        id={"type": "string", "description": "Its number; missing on stream.end."},
        event={"type": "string", "description": "Its type, e.g. step.finished."},
        retry=WHOLE,
    ),
    "Run": object_of(
        "Run",
        "An agent's work on one request.",
        run_id=TEXT,
        session_id=TEXT,
        agent=TEXT,
        agent_label=TEXT,
        status={"enum": list(RUN_STATUS)},
        input=TEXT,
        answer=or_null("string"),
        choices=list_of(object_of("Choice", "Another request to send instead.", label=TEXT, input=TEXT)),
        citations=list_of(named("Source")),
        approvals=list_of(TEXT),
        usage=ANYTHING,
        response_format=or_null("object", additionalProperties=True, description="The form that was asked for."),
        calls=list_of(
            object_of(
                "FunctionCall",
                "A call of a function of the caller's, which the run waits for.",
                call_id=TEXT,
                name=TEXT,
                arguments=ANYTHING,
            )
        ),
        steps=list_of(ANYTHING),
        error=_either(named("Problem")),
        replaced_by=or_null("string"),
        copied_from=or_null("string"),
        created_at=TIME,
        finished_at=or_null("string", format="date-time"),
        parent_run_id=or_null("string"),
    ),
    "BundledCall": object_of(
        "BundledCall",
        "One more call that a document decides.",
        operation=TEXT,
        title=TEXT,
        arguments=list_of(named("Argument")),
        raw_arguments=ANYTHING,
        preview=list_of(named("Change")),
        fields=list_of(ANYTHING),
        provenance=list_of(ANYTHING),
        because=TEXT,
    ),
    "Approval": object_of(
        "Approval",
        "An approval document (결재 문서).",
        approval_id=TEXT,
        number=or_null("string"),
        verification_code=or_null("string", description="확인 번호: GET /verify/{code} confirms a printed document."),
        operation=TEXT,
        title=TEXT,
        status={"enum": list(get_args(Status))},
        version=WHOLE,
        drafter=named("Person"),
        agent=or_null("string"),
        agent_label=or_null("string"),
        drafted_at=TIME,
        key_revoked={
            "type": "boolean",
            "description": "The key that it was filed with was revoked since, and it is not decided yet.",
        },
        arguments=list_of(named("Argument")),
        raw_arguments=ANYTHING,
        preview=list_of(named("Change")),
        because=TEXT,
        rule=TEXT,
        line=list_of(named("Step")),
        beside={
            **list_of(named("Step")),
            "description": "참조, 열람, 수신, 협의, 후열: who reads, receives or is asked.",
        },
        fields={
            **list_of(ANYTHING),
            "description": "Which rows it writes, field by field, as far as the reader may see.",
        },
        bundled={
            **list_of(named("BundledCall")),
            "description": "일괄 상신: further calls that are decided and carried out together with the one above.",
        },
        difference={**list_of(ANYTHING), "description": "What changed meanwhile, where it could not be applied."},
        acts={**list_of(TEXT), "description": "What the caller may do to it now."},
        round=WHOLE,
        previous_id=or_null("string"),
        next_id=or_null("string"),
        form=ANYTHING,
        history=list_of(ANYTHING),
        run_id=or_null("string"),
        question=or_null("string"),
        digest=TEXT,
        result_say=or_null("string"),
        failure=or_null("string"),
        may=object_of("May", "What the caller may do now.", decide={"type": "boolean"}, withdraw={"type": "boolean"}),
        completed_at=or_null("string", format="date-time"),
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
    "DocumentRun": {
        "title": "DocumentRun",
        "description": "The run that reads a document, and the document.",
        "allOf": [named("Run"), {"type": "object", "required": ["document"], "properties": {"document": ANYTHING}}],
    },
    "DocumentText": object_of(
        "DocumentText",
        "A stretch of a document as it is written.",
        document=WHOLE,
        name=TEXT,
        folder=TEXT,
        edition=WHOLE,
        passages=WHOLE,
        rows=list_of(ANYTHING),
    ),
    "Hit": object_of(
        "Hit",
        "A passage that was found: where it stands, what it says, how well it fits.",
        document=WHOLE,
        name=TEXT,
        folder=TEXT,
        edition=WHOLE,
        passage=WHOLE,
        locator=TEXT,
        section=TEXT,
        page=or_null("integer"),
        cells=TEXT,
        text=TEXT,
        score={"type": "number"},
        marks=list_of(list_of(WHOLE)),
    ),
    "Hits": object_of("Hits", "Passages, best first.", data=list_of(named("Hit")), found={"type": "boolean"}),
    "RecordType": object_of("RecordType", "A kind of record.", type=TEXT, label=TEXT, fields=list_of(ANYTHING)),
    "HistoryEntry": object_of(
        "HistoryEntry",
        "One time that a row was written.",
        seq=WHOLE,
        at=TIME,
        act={"enum": ["add", "change", "remove"]},
        person=named("Person"),
        agent=or_null("string"),
        operation=TEXT,
        label=TEXT,
        fields=list_of(object_of("HistoryField", "A field that was written.", name=TEXT, label=TEXT)),
        approval_id=or_null("string"),
    ),
    "HistoryPage": page_of("HistoryPage", "HistoryEntry"),
    "RunPage": page_of("RunPage", "Run"),
    "ApprovalPage": page_of("ApprovalPage", "Approval"),
    "OperationPage": page_of("OperationPage", "Operation"),
    "RowPage": {
        "title": "RowPage",
        "description": "One page of rows; `count` is the number of all, where it was asked for and found in time.",
        "type": "object",
        "required": ["data", "next_cursor", "has_more", "type", "label", "fields"],
        "properties": {
            "data": list_of(named("Row")),
            "next_cursor": or_null("string"),
            "has_more": {"type": "boolean"},
            "type": TEXT,
            "label": TEXT,
            "fields": list_of(ANYTHING),
            "count": or_null("integer"),
        },
    },
    "RecordTypePage": page_of("RecordTypePage", "RecordType"),
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
            "errors": list_of(object_of("FieldError", "One invalid field.", pointer=TEXT, detail=TEXT)),
            "help": TEXT,
            "retryable": {"type": "boolean"},
            "request_id": TEXT,
        },
        "additionalProperties": True,
    },
    "ProblemCode": object_of(
        "ProblemCode",
        "What a problem's code means.",
        code=TEXT,
        title=TEXT,
        help=TEXT,
        status=WHOLE,
        rpc_code=WHOLE,
        retryable={"type": "boolean"},
    ),
    "Health": object_of("Health", "The process serves.", status={"const": "ok"}, version=TEXT),
    "Readiness": object_of(
        "Readiness",
        "Everything that requests need is there.",
        status={"const": "ok"},
        checks={"type": "object", "additionalProperties": TEXT},
    ),
    "RpcMessage": {
        "title": "RpcMessage",
        "description": "A JSON-RPC 2.0 request or response, or a batch of up to 50.",
        "anyOf": [ANYTHING, list_of(ANYTHING)],
    },
}
