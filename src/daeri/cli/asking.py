"""How does a person ask, and look after what an agent does for them? `ask` and `run`."""

from typing import Annotated, Any

from typer import Argument, Exit, Option, Typer

from daeri.cli.command import Desk, command, group
from daeri.cli.finding import found, short
from daeri.cli.follow import (
    Follower,
    code_of,
    show_choices,
    show_draft,
    show_sources,
    trouble_of,
)
from daeri.cli.terminal import Terminal
from daeri.cli.trouble import Code, Trouble
from daeri.cli.words import RUN_STATUS, STEP_KINDS, STEP_STATUS, Words, both

RunArgument = Annotated[
    str, Argument(metavar="RUN", help=both("실행 번호나 그 앞부분·뒷부분", "A run's id, or how it begins or ends"))
]
LimitOption = Annotated[int, Option("--limit", "-n", min=1, max=100, help=both("몇 개", "How many"))]


def add_to(app: Typer) -> None:
    """Declare the commands."""
    command(app, "ask", both("대리에게 묻거나 일을 맡겨요", "Ask, or have something done"))(ask)
    command(app, "agents", both("맡길 수 있는 에이전트", "The agents that I may ask"))(list_agents)
    runs = group(
        app, "run", both("맡긴 일: 목록, 자세히, 지켜보기, 멈추기", "What was asked: list, show, watch, cancel")
    )
    command(runs, "list", both("내가 맡긴 일", "What I asked for"))(list_runs)
    command(runs, "show", both("단계와 답", "Its steps and answer"))(show)
    command(runs, "watch", both("끝까지 지켜봐요 (결재를 기다릴 때도)", "Follow it to its end, through approvals"))(
        watch
    )
    command(runs, "cancel", both("멈춰요", "Stop it"))(cancel)
    command(runs, "edit", both("고쳐서 다시 물어요 (그 뒤의 차례는 대화에서 빠져요)", "Ask it again in other words"))(
        edit
    )


def ask(
    desk: Desk,
    question: Annotated[
        list[str],
        Argument(metavar="TEXT", help=both('질문이나 요청, 예: "휴가 며칠 남았어?"', "A question or a request")),
    ],
    session: Annotated[
        str | None, Option("--session", metavar="ID", help=both("이어 갈 대화", "The conversation to go on with"))
    ] = None,
    agent: Annotated[str | None, Option("--agent", metavar="NAME", help=both("맡길 에이전트", "Which agent"))] = None,
) -> None:
    """Create a run and follow it until it ends or waits for someone."""
    asked: dict[str, Any] = {"input": " ".join(question)}
    if session:
        asked["session_id"] = session
    if agent:
        asked["agent"] = agent
    run_id = str(desk.api.post("/v1/runs", asked).body["run_id"])
    _follow(desk, run_id, until_parked=True)


def list_agents(desk: Desk) -> None:
    """List the agents that the person may ask, the default one first."""
    terminal = desk.terminal
    told = desk.api.get("/v1/agents")
    if terminal.as_json:
        terminal.data(told)
        return
    words = (Words("이름", "Name"), Words("에이전트", "Agent"), Words("작업", "Operations"), Words("모델", "Model"))
    head = [terminal.word(one) for one in words]
    rows = [[each["name"], each["label"], ", ".join(each["operations"]), each["model"] or "-"] for each in told["data"]]
    terminal.table(head, rows, ())


def watch(desk: Desk, run: RunArgument) -> None:
    """Follow a run from its first event to its end."""
    _follow(desk, _found(desk, run)["run_id"], until_parked=False)


def list_runs(desk: Desk, limit: LimitOption = 20) -> None:
    """List the person's runs, newest first."""
    terminal = desk.terminal
    page = desk.api.get("/v1/runs", [("limit", str(limit))])
    if terminal.as_json:
        terminal.data(page)
        return
    if not page["data"]:
        terminal.talk(Words("아직 맡긴 일이 없어요", "Nothing was asked yet"))
        terminal.next('daeri ask "휴가 며칠 남았어?"')
        return
    columns = [Words("실행", "run"), Words("상태", "status"), Words("언제", "when"), Words("요청", "request")]
    rows = [
        [short(run["run_id"]), terminal.word(RUN_STATUS[run["status"]]), terminal.when(run["created_at"]), run["input"]]
        for run in page["data"]
    ]
    terminal.table([terminal.word(column) for column in columns], rows)
    terminal.next(f"daeri run show {short(page['data'][0]['run_id'])}")


def show(desk: Desk, run: RunArgument) -> None:
    """Show a run's steps and its answer."""
    terminal = desk.terminal
    body = desk.api.get(f"/v1/runs/{_found(desk, run)['run_id']}")
    if terminal.as_json:
        terminal.data(body)
        return
    usage = body["usage"]
    terminal.fields(
        [
            (terminal.word(Words("실행", "run")), body["run_id"]),
            (terminal.word(Words("요청", "request")), body["input"]),
            (terminal.word(Words("상태", "status")), terminal.word(RUN_STATUS[body["status"]])),
            (terminal.word(Words("시작", "began")), terminal.when(body["created_at"])),
            (terminal.word(Words("끝", "ended")), terminal.when(body["finished_at"])),
            (terminal.word(Words("계획", "planned by")), usage.get("model", "-")),
        ]
    )
    terminal.tell("")
    terminal.table([], [_step_row(terminal, step) for step in body["steps"]], right=(0, 4))
    if body["answer"]:
        terminal.tell("")
        terminal.tell(body["answer"])
    show_sources(terminal, body["citations"])
    _show_waiting(desk, body)
    trouble = trouble_of(body)
    if trouble is not None:
        terminal.talk(f"✗ {terminal.word(trouble.why or trouble.what)}")


def cancel(desk: Desk, run: RunArgument) -> None:
    """Stop a run; what it has filed stays with its approvers."""
    terminal = desk.terminal
    body = desk.api.post(f"/v1/runs/{_found(desk, run)['run_id']}/cancel", {}).body
    if terminal.as_json:
        terminal.data(body)
        return
    terminal.talk(Words("멈췄어요", "Stopped"))
    for approval_id in body["approvals"]:
        hint = Words("올린 결재는 그대로 있어요. 거두려면", "What it filed stays. To take it back")
        terminal.next(f"daeri approve withdraw {approval_id}", hint)


def edit(
    desk: Desk,
    run: RunArgument,
    question: Annotated[list[str], Argument(metavar="TEXT", help=both("고쳐 쓴 요청", "The request in its new words"))],
) -> None:
    """Ask a turn of a conversation again in other words, and follow that."""
    where = f"/v1/runs/{_found(desk, run)['run_id']}/edit"
    _follow(desk, str(desk.api.post(where, {"input": " ".join(question)}).body["run_id"]), until_parked=True)


def _found(desk: Desk, named: str) -> dict[str, Any]:
    what = Words("실행", "run")
    return found(desk, named, what, ("run_id",), [("/v1/runs", [("limit", "100")])], again="daeri run list")


def _follow(desk: Desk, run_id: str, *, until_parked: bool) -> None:
    terminal = desk.terminal
    try:
        Follower(terminal, until_parked).follow(desk.api.events(run_id))
    except KeyboardInterrupt:
        terminal.talk(Words("그만 볼게요. 맡긴 일은 계속돼요", "No longer looking. The work goes on"))
        terminal.next(f"daeri run watch {run_id}", Words("다시 보기", "Look again"))
        raise
    run = desk.api.get(f"/v1/runs/{run_id}")
    if terminal.as_json:
        terminal.data(run)
    else:
        show_sources(terminal, run["citations"])
        show_choices(terminal, run)
        if run["status"] == "waiting_approval":
            terminal.tell(run["answer"])
        _show_waiting(desk, run)
    trouble = trouble_of(run)
    if trouble is not None:
        raise trouble
    code = code_of(run)
    if code is not Code.OK:
        raise Exit(code)
    if not terminal.as_json and not run["choices"]:
        terminal.next(f"daeri run show {short(run_id)}")


def _show_waiting(desk: Desk, run: dict[str, Any]) -> None:
    """Show the drafts that a run waits for."""
    if run["status"] != "waiting_approval":
        return
    terminal = desk.terminal
    try:
        documents = [desk.api.get(f"/v1/approvals/{approval_id}") for approval_id in run["approvals"]]
    except Trouble as trouble:
        terminal.talk(trouble.what)
        return
    for document in documents:
        if document["status"] == "in_progress":
            show_draft(terminal, document)
    terminal.next(f"daeri run watch {run['run_id']}", Words("기다리기", "Wait for it"))


def _step_row(terminal: Terminal, step: dict[str, Any]) -> list[object]:
    sign, _ = STEP_STATUS[step["status"]]
    kind = terminal.word(STEP_KINDS.get(step["kind"], Words(step["kind"], step["kind"])))
    what = step["name"] if step["kind"] == "execute" else step["summary"]
    output = step["output"] or {}
    said = (output.get("done") or {}).get("say") or (output.get("refused") or {}).get("detail") or ""
    return [step["seq"], sign, kind, f"{what}  {said}".strip(), f"{step['milliseconds']}ms"]
