"""What do the protocols call? The services of one server, as the composition root hands them in."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from daeri.agent.selector import Near
from daeri.clock import Clock
from daeri.library.librarian import Librarian
from daeri.library.own_files import OwnFiles
from daeri.models.relay import RawModels
from daeri.operations.approval import Approvals
from daeri.operations.auditing import AuditLog
from daeri.operations.costs import Costs
from daeri.operations.invoke import Door
from daeri.operations.limits import Limiter
from daeri.operations.listing import Shelf
from daeri.operations.office import Office
from daeri.operations.policy import Policies
from daeri.operations.prompting import PromptLog
from daeri.records.credentials import Credentials
from daeri.records.identity import Identity
from daeri.runs.figures import Counting
from daeri.runs.handshakes import Handshakes
from daeri.runs.jobs import Jobs
from daeri.runs.pushes import Pushes
from daeri.runs.runs import Runs
from daeri.tracing import Tracer

Check = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Services:
    """The services; the screens call the very same.

    Attributes:
        checks: what must hold for the server to be ready, by name ("database").
        librarian: takes files in; None where the server keeps none.
        own_files: hands people's own files out; None likewise.
        limiter: counts requests; None where there is no limit.
        meanings: knows what operations mean; None where they are found by their words alone.
        tracer: tells a collector how long they take; None where there is none.
        redis_is_up: whether Redis answers; None where this server has none.
        failures: how often each address of each service outside failed in a row.
    """

    identity: Identity
    door: Door
    shelf: Shelf
    approvals: Approvals
    office: Office
    runs: Runs
    policies: Policies
    pushes: Pushes
    raw: RawModels
    keys: Credentials
    jobs: Jobs
    handshakes: Handshakes
    clock: Clock
    figures: Counting
    audit_log: AuditLog
    prompt_log: PromptLog
    costs: Costs
    checks: Mapping[str, Check] = field(default_factory=dict)
    librarian: Librarian | None = None
    own_files: OwnFiles | None = None
    limiter: Limiter | None = None
    meanings: Near | None = None
    tracer: Tracer | None = None
    redis_is_up: Callable[[], bool | None] = lambda: None
    failures: Callable[[], Mapping[tuple[str, str], int]] = dict
