"""What is told of a run that nobody but agents has to end: that it is still at work, at every door."""

import pytest

from daeri.gateway.hearing import text_of
from daeri.gateway.mcp.tasks import of_run
from daeri.gateway.openai.responses import Shown, response
from daeri.gateway.parts import part_of
from daeri.runs.journal import AT_WORK


def run_in(status: str) -> dict:
    told = {"run_id": "run_1", "session_id": "ses_1", "status": status, "answer": None, "error": None, "usage": {}}
    lists = {"response_format": None, "approvals": [], "citations": [], "choices": [], "steps": []}
    return {
        **told,
        **lists,
        "agent": "assistant",
        "input": "안녕",
        "created_at": "2026-11-22T00:00:00Z",
        "finished_at": None,
    }


@pytest.mark.parametrize("status", AT_WORK)
def test_a_run_that_nobody_but_agents_has_to_end_is_told_of_as_at_work(status: str) -> None:
    run = run_in(status)
    assert "run_1" in text_of(run, "ko")
    assert response(Shown("ko"), part_of(run, 0))["status"] == "in_progress"
    assert of_run(run, "ko")["statusMessage"]
