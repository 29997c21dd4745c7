import re

import pytest
from starlette.requests import Request

from daeri.errors import DaeriError, NotFound
from web.conftest import screens_of

pytestmark = pytest.mark.anyio

PATHS = ["/login", "/ask", "/approvals", "/records", "/records/w_employee", "/runs", "/ops", "/ops/work.request"]


@pytest.mark.parametrize("path", [*PATHS, "/records/nope"])
async def test_every_page_carries_the_strict_headers(people, path):
    headers = (await people["owner"].get(path)).headers
    assert headers["content-security-policy"].startswith("default-src 'self'; object-src 'none'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("path", PATHS)
async def test_every_page_is_whole_in_both_languages(people, path):
    for language, other in (("en", "메뉴"), ("ko", "Main menu")):
        page = await people["owner"].get(path, **{"accept-language": language})
        assert page.status_code == 200
        assert f'<html lang="{language}"' in page.text
        assert other not in page.text
        assert len(re.findall(r"<h1", page.text)) == 1


@pytest.mark.parametrize("path", PATHS[1:])
async def test_every_screen_shows_the_call_that_gives_the_same(people, path):
    page = (await people["owner"].get(path)).text
    assert re.search(r'curl .*-H "Authorization: Bearer \$DAERI_KEY"', page)
    assert "http://daeri.test/v1/" in page


async def test_static_files_are_kept_as_long_as_they_do_not_change(anybody):
    page = (await anybody.get("/login")).text
    address = re.search(r'href="(/static/daeri\.css\?v=\w+)"', page)[1]
    marked, plain = await anybody.get(address), await anybody.get("/static/daeri.css")
    assert "immutable" in marked.headers["cache-control"]
    assert plain.headers["cache-control"] == "no-cache"
    assert (await anybody.get(address, **{"if-none-match": marked.headers["etag"]})).status_code == 304


def asking(path, accept):
    headers = [(b"accept", accept.encode()), (b"host", b"daeri.test")]
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": b"",
            "headers": headers,
            "scheme": "http",
            "server": ("daeri.test", 80),
        }
    )


async def test_an_error_is_a_page_for_browsers_only(world):
    made = screens_of(world)
    page = await made.error_page(asking("/nowhere", "text/html,*/*"), NotFound())
    assert (page.status_code, page.media_type) == (404, "text/html")
    assert await made.error_page(asking("/nowhere", "application/json"), NotFound()) is None
    assert await made.error_page(asking("/v1/runs", "text/html"), NotFound()) is None


async def test_a_fault_of_ours_is_admitted_with_what_to_do(world):
    page = await screens_of(world).error_page(asking("/ask", "text/html"), DaeriError())
    assert page.status_code == 500
    assert "서버에서 문제가 생겼어요" in page.body.decode()
