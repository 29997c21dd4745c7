import pytest

from web.conftest import text_of
from worlds import COLLEAGUE, OWNER, SALARIES, STRANGER

pytestmark = pytest.mark.anyio


async def test_the_kinds_of_records_are_listed(people):
    assert "직원" in text_of(await people["owner"].get("/records"))


async def test_a_hidden_field_stays_visible_as_hidden_with_the_reason(people):
    page = await people["owner"].get("/records/w_employee")
    assert "47,000,001" in text_of(page)
    for value in (SALARIES[COLLEAGUE], SALARIES[STRANGER]):
        assert str(value) not in page.text
        assert f"{value:,}" not in page.text
    assert "가려짐" in text_of(page)
    assert "연봉은 본인 · 인사 담당만 볼 수 있어요" in text_of(page)


async def test_one_row_says_why_a_field_is_hidden(people):
    said = text_of(await people["owner"].get(f"/records/w_employee/{COLLEAGUE}"))
    assert "연봉 가려짐 연봉은 본인 · 인사 담당만 볼 수 있어요" in said


async def test_a_row_one_may_not_see_is_a_row_that_is_not_there(people):
    hidden = await people["owner"].get(f"/records/w_employee/{STRANGER}")
    missing = await people["owner"].get("/records/w_employee/999999")
    assert (hidden.status_code, text_of(hidden)) == (404, text_of(missing))


async def test_filters_are_chips_that_can_be_taken_off(people):
    page = await people["owner"].get("/records/w_employee?rank=사원&sort=-name")
    assert "김민준" in text_of(page)
    assert "김하은 대리</a>" not in page.text
    assert 'href="/records/w_employee?sort=-name" aria-label="조건 지우기: 직급 같음 사원"' in page.text


async def test_a_filter_added_by_the_form_becomes_a_plain_address(people):
    answer = await people["owner"].get("/records/w_employee?q=김&_field=rank&_operator=ne&_value=대리")
    assert answer.headers["location"] == "/records/w_employee?rank.ne=%EB%8C%80%EB%A6%AC&q=%EA%B9%80"


async def test_a_list_is_exported_as_it_is_filtered(people):
    page = await people["owner"].get("/records/w_employee?rank.ne=%EC%82%AC%EC%9E%A5&q=%EA%B9%80&sort=-name")
    link = "/v1/records/w_employee/export?format=csv&amp;rank.ne=%EC%82%AC%EC%9E%A5&amp;q=%EA%B9%80&amp;sort=-name"
    assert f'href="{link}" download' in page.text


async def test_a_search_finds_by_name_and_by_initial_consonants(people):
    assert "김민준" in text_of(await people["owner"].get("/records/w_employee?q=ㄱㅁㅈ"))
    assert "김민준" in text_of(await people["owner"].get("/records/w_employee?q=민준"))
    assert "조건에 맞는 기록이 없어요." in text_of(await people["owner"].get("/records/w_employee?q=zzz"))


async def test_filtering_by_a_hidden_field_is_refused_with_who_may(people):
    answer = await people["owner"].get("/records/w_employee?salary.gt=1")
    assert answer.status_code == 403
    assert "인사 담당" in text_of(answer)


async def test_a_reference_is_called_by_name_only_where_it_may_be_seen(people):
    said = text_of(await people["owner"].get(f"/records/w_employee/{OWNER}"))
    assert "영업1팀" in said


@pytest.mark.parametrize("path", ["/records/nope", "/records/w_employee?nope=1", "/records/w_employee?cursor=x"])
async def test_a_wrong_address_is_told_politely(people, path):
    answer = await people["owner"].get(path)
    assert answer.status_code in {404, 422}
    assert "처음 화면으로" in text_of(answer)


async def test_a_name_that_looks_like_markup_is_only_a_name(world, people):
    actor = await world.actor(OWNER)
    await world.door.call(actor, "work.add_project", {"name": "<img src=x onerror=alert(1)>"})
    page = await people["owner"].get("/records/w_project")
    assert "&lt;img src=x" in page.text
    assert "<img" not in page.text
