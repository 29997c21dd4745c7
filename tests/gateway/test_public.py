import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from daeri.errors import NotReady
from daeri.gateway import Options
from daeri.gateway.problems import KNOWN
from daeri.operations import Catalog
from daeri.wording import Text
from gateway.gateway_house import Keys, opened

pytestmark = pytest.mark.anyio


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a JSON value."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from nodes(item)
    elif isinstance(value, list):
        for item in value:
            yield from nodes(item)


async def described(house) -> dict[str, Any]:
    return (await house.http.get("/openapi.json")).json()


def methods(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, item) for path, each in document["paths"].items() for method, item in each.items()]


async def test_the_process_says_that_it_lives(house):
    assert (await house.http.get("/healthz")).json() == {"status": "ok", "version": "1.2.3"}


async def test_readiness_names_each_check(house):
    response = await house.http.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "checks": {"database": "ok"}}


async def test_a_failed_check_is_503_and_says_which(keyed: Keys, tmp_path: Path):
    async def unreachable():
        raise NotReady

    async def fine():
        return True

    async with opened(keyed, tmp_path, Options(), checks={"database": unreachable, "disk": fine}) as house:
        response = await house.http.get("/readyz")
        assert response.status_code == 503
        assert response.json()["checks"] == {"database": "failed", "disk": "ok"}
        assert response.headers["retry-after"] == "5"


async def test_the_description_is_openapi_3_1_with_unique_operation_ids(house):
    document = await described(house)
    assert document["openapi"].startswith("3.1")
    assert document["info"]["contact"]
    assert document["info"]["license"]["identifier"] == "Apache-2.0"
    assert document["servers"]
    names = [item["operationId"] for _, _, item in methods(document)]
    assert len(names) == len(set(names))
    tags = {tag["name"] for tag in document["tags"]}
    assert len(tags) == len(document["tags"])
    for _, path, item in methods(document):
        assert set(item["tags"]) <= tags, path
        assert item["description"], path
        assert 0 < len(item["summary"]) <= 60, path
        for parameter in item.get("parameters", ()):
            assert parameter["description"], path


async def test_every_reference_leads_somewhere(house):
    document = await described(house)
    for node in nodes(document):
        target = node.get("$ref")
        if target is None:
            continue
        found = document
        for part in target.removeprefix("#/").split("/"):
            assert part in found, target
            found = found[part]


async def test_every_operation_has_a_path_with_its_own_input(house):
    document = await described(house)
    for name, operation in house.world.company.operations.items():
        item = document["paths"][f"/v1/ops/{name}"]["post"]
        assert item["operationId"] == name
        assert item["x-daeri-risk"] == operation.effect
        assert item["x-daeri-approval"] is (operation.approval is not None)
        assert ("202" in item["responses"]) is (operation.approval is not None)
        target = item["requestBody"]["content"]["application/json"]["schema"]["$ref"].split("/")[-1]
        assert set(document["components"]["schemas"][target]["properties"]) == set(operation.input.model_fields)


async def test_every_route_that_needs_a_caller_documents_its_refusals(house):
    for _, path, item in methods(await described(house)):
        if item.get("security") != []:
            assert {"400", "401", "500"} <= set(item["responses"]), path


async def test_every_described_path_is_served_and_every_template_names_its_parameters(house):
    for method, path, item in methods(await described(house)):
        there = path.replace("{kind}", "w_employee").replace("{key}", "1").replace("{name}", "work.find")
        there = there.replace("{code}", "internal").replace("{run_id}", "run_0").replace("{approval_id}", "apr_0")
        response = await house.call("owner", method.upper(), there, content=b"{}")
        assert response.status_code != 405, path
        assert str(response.status_code) in item["responses"], (path, response.status_code)
        named = {parameter["name"] for parameter in item.get("parameters", ()) if parameter["in"] == "path"}
        assert named == {part.strip("{}") for part in path.split("/") if part.startswith("{")}


SPEAK_FOR_THEMSELVES = {
    "/ws": "messages of JSON-RPC, whose methods have descriptions of their own",
    "/mcp": "MCP describes itself: its clients list tools",
    "/a2a": "A2A describes itself by its agent card",
    "/a2a/{rest}": "A2A describes itself by its agent card",
    "/.well-known/agent-card.json": "the card of A2A",
    "/.well-known/oauth-protected-resource": "RFC 9728 describes it, and clients look for it there",
    "/.well-known/oauth-protected-resource/mcp": "RFC 9728",
    "/.well-known/oauth-protected-resource/a2a": "RFC 9728",
    "/auth/oidc": "a browser's way to the identity provider",
    "/auth/oidc/callback": "a browser's way back from it",
    "/openapi.json": "the description itself",
    "/docs": "a page of it",
    "/llms.txt": "a text for models",
}


async def test_every_route_of_the_api_is_described_or_has_a_reason_why_not(house):
    def shape(path: str) -> str:
        return re.sub(r"{\w+(:\w+)?}", "{}", path)

    there = {(method, shape(path)) for method, path, _ in methods(await described(house))}
    routes = [route for router in house.parts.routers for route in router.routes]
    served = {(method, route.path) for route in routes for method in getattr(route, "methods", None) or ["WS"]}
    silent = {path for method, path in served if method != "HEAD" and (method.lower(), shape(path)) not in there}
    assert {re.sub(r":\w+}", "}", path) for path in silent} == set(SPEAK_FOR_THEMSELVES)


async def test_answers_in_openais_words_fit_their_description(house):
    document = await described(house)
    chat = {"model": "agent/assistant", "messages": [{"role": "user", "content": "안녕"}]}
    asked = {
        ("post", "/v1/chat/completions"): [chat, {**chat, "model": "none"}, {**chat, "n": 2}, {}],
        ("post", "/v1/responses"): [{"model": "agent/assistant", "input": "안녕"}, {"model": "x", "input": []}],
        ("post", "/v1/embeddings"): [{"model": "none", "input": "안녕"}],
        ("get", "/v1/models"): [None],
        ("get", "/v1/models/{model}"): [None],
    }
    statuses = set()
    for (method, path), bodies in asked.items():
        for body in bodies:
            got = await house.call("owner", method.upper(), path.replace("{model}", "agent/assistant"), json=body)
            told = document["paths"][path][method]["responses"][str(got.status_code)]["content"]
            assert set(told) & {got.headers["content-type"]}, path
            schema = {**told["application/json"]["schema"], "components": document["components"]}
            Draft202012Validator(schema).validate(got.json())
            statuses.add(got.status_code)
    assert statuses == {200, 400, 404}


async def test_every_problem_code_is_described(house):
    responses = (await described(house))["components"]["responses"]
    text = json.dumps(responses)
    assert all(f"({code})" in text for code in KNOWN)


async def test_the_description_is_sent_once_for_a_version(house):
    first = await house.http.get("/openapi.json")
    again = await house.http.get("/openapi.json", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_the_docs_show_every_operation_and_fetch_nothing(house, lang):
    page = await house.http.get("/docs", headers={"Accept-Language": lang})
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert f'<html lang="{lang}">' in page.text
    assert all(name in page.text for name in house.world.company.operations)
    assert "<script" not in page.text
    assert "src=" not in page.text


async def test_what_a_host_header_says_is_text_in_the_docs(house):
    page = await house.http.get("/docs", headers={"Host": 'x"><script>alert(1)</script>'})
    assert "<script" not in page.text


async def test_a_model_that_finds_the_server_is_told_how_to_ask(house):
    told = await house.http.get("/llms.txt")
    assert (told.status_code, told.headers["content-type"]) == (200, "text/markdown; charset=utf-8")
    assert told.text.startswith("# Small Trading (작은상사)\n")
    assert "- [work.request](/docs): " in told.text
    assert told.text.count("needs approval") == sum(
        operation.approval is not None for operation in house.world.company.operations.values()
    )


async def test_everything_that_the_text_for_models_points_at_is_there(house):
    told = (await house.http.get("/llms.txt")).text
    for path in sorted(set(re.findall(r"\]\((/[^)]*)\)", told))):
        assert (await house.call("owner", "GET", path)).status_code in (200, 405), path


async def test_names_of_tags_are_told_once_even_where_a_catalog_bears_one_of_ours(keyed: Keys, tmp_path: Path):
    async with opened(keyed, tmp_path, Options(), catalogs=[Catalog("documents", Text("서류", "Papers"))]) as house:
        names = [tag["name"] for tag in (await described(house))["tags"]]
    assert len(names) == len(set(names))
    assert names.count("documents") == 1
