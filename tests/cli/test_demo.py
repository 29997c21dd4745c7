"""The first five minutes: one command builds the company once, keeps it, and says where to go."""

import json
import signal
import socket
import stat
from pathlib import Path

import pytest

from cli.processes import Built, Server, daeri
from collector import Collector
from daeri.cli.place import Place
from databases import POSTGRES, address, environment_for, look, only_postgres
from redis_server import RedisServer

LOGINS = ["deputy", "lead", "director", "hr", "admin"]


def test_an_interrupted_first_build_is_seen_and_made_again_from_the_start(built: Built) -> None:
    assert built.interrupted["state"] == "building"
    assert "처음부터 다시" in built.said
    assert json.loads((built.folder / "demo.json").read_text())["state"] == "ready"
    assert look(built.folder, "SELECT count(*), count(DISTINCT number) FROM employee") == [(244, 244)]
    assert look(built.folder, "SELECT count(*) FROM account") == [(5,)]


def test_the_keys_of_the_demo_people_are_for_the_owner_of_the_folder_only(built: Built) -> None:
    file = built.folder / "demo-keys.json"
    keys = json.loads(file.read_text())
    assert list(keys) == LOGINS
    assert all(key.startswith("dk_") for key in keys.values())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_server_says_where_it_is_whom_to_sign_in_as_and_what_to_try(server: Server) -> None:
    assert server.note["url"] in server.said
    assert "김하은 대리 (deputy)" in server.said
    assert "박서연 팀장 (lead)" in server.said
    assert "daeri ask" in server.said
    assert server.note["pid"] == server.process.pid


def test_a_stopped_server_takes_its_note_away_and_ends_well(server: Server) -> None:
    assert server.end(signal.SIGTERM) == 0
    assert not (server.folder / "server.json").exists()


def test_a_second_start_keeps_the_data(server: Server) -> None:
    if server.process is None:
        server.start()
    run_id = server.json("ask", "휴가 며칠 남았어?")["run_id"]
    assert server.end(signal.SIGINT) == 0
    server.start()
    assert [run["run_id"] for run in server.json("run", "list")["data"]] == [run_id]


def test_a_taken_port_is_said_before_anything_is_built(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = daeri("demo", "--dir", tmp_path / "demo", "--port", str(port))
    assert ended.returncode == 1
    assert "port-taken" in ended.stderr
    assert f"--port {port + 1}" in ended.stderr
    assert not (tmp_path / "demo").exists()


def test_data_that_is_not_a_demos_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "daeri.db"
    precious.write_bytes(b"the books of ten years")
    ended = daeri("demo", "--dir", tmp_path, "--no-serve")
    assert ended.returncode == 1
    assert "not-a-demo" in ended.stderr
    assert precious.read_bytes() == b"the books of ten years"


@only_postgres("a file has no tables before its folder is a demo's")
def test_a_database_that_is_not_a_demos_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    given = environment_for(folder)
    look(folder, "CREATE TABLE books (year int)")
    ended = daeri("demo", "--dir", folder, "--no-serve", "--database", given["DAERI_DATABASE_URL"])
    assert ended.returncode == 1
    assert "not-a-demo" in ended.stderr
    assert look(folder, "SELECT count(*) FROM books") == [(0,)]


@only_postgres("there is no server to reach")
def test_a_database_that_cannot_be_reached_is_said_with_what_to_do(tmp_path: Path) -> None:
    for command in ("demo", "serve", "migrate"):
        ended = daeri(command, "--dir", tmp_path / command, "--database", "postgresql://x@127.0.0.1:1/none")
        assert ended.returncode == 6, ended.stderr
        assert "db-unreachable" in ended.stderr
        assert "Connection refused" in ended.stderr


@only_postgres("a file is not opened by another folder")
def test_a_demos_keys_do_not_make_a_demo_of_another_database(built: Built, tmp_path: Path) -> None:
    other = address(tmp_path / "other.db")
    ended = daeri("serve", "--dir", built.folder, "--database", other, "--port", "0", DAERI_HOST="nowhere.invalid")
    assert ended.returncode == 1
    assert Place(built.folder).is_demo()
    assert not Place(built.folder, url=other).is_demo()


def test_serve_tells_which_company_planner_and_settings_it_runs_with(built: Built, tmp_path: Path) -> None:
    ended = daeri("serve", "--company", "nowhere:company", "--dir", built.folder)
    assert ended.returncode == 2
    assert "company-not-found" in ended.stderr
    for named in ("nowhere:extras", "daeri.sample:hanbit"):
        ended = daeri("serve", "--mcp-extras", named, "--dir", built.folder)
        assert ended.returncode == 2
        assert "extras-not-found" in ended.stderr
    for wrong in (
        {"DAERI_PORT": "no number"},
        {"DAERI_RATE_LIMITS": "person=foo"},
        {"DAERI_QUOTAS": "person=1/week"},
        {"DAERI_ROLES_FROM_CLAIMS": "hr=hr"},
    ):
        ended = daeri("serve", "--dir", tmp_path, **wrong)
        assert ended.returncode == 2, wrong
        assert "bad-setting" in ended.stderr, wrong


def test_the_doctor_finds_nothing_wrong_with_a_fresh_demo(built: Built) -> None:
    ended = daeri("doctor", "--dir", built.folder, "--lang", "en")
    assert ended.returncode == 0, ended.stdout
    assert "✓ Database and audit chain" in ended.stdout
    assert "✗" not in ended.stdout
    assert "✓ Code of agents can run" in ended.stdout
    assert ("Redis" in ended.stdout) == POSTGRES  # several servers may share it
    assert "Traces" not in ended.stdout


@pytest.mark.night
def test_the_doctor_tells_whether_traces_arrive_anywhere(built: Built) -> None:
    asked = ("doctor", "--dir", built.folder, "--lang", "en")
    with Collector() as collector:
        assert f"✓ Traces: {collector.url}" in daeri(*asked, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url).stdout
    assert "! Collector of traces" in daeri(*asked, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9").stdout


@pytest.mark.night
def test_the_doctor_tells_why_nobody_can_sign_in_by_the_provider(built: Built) -> None:
    settings = {"DAERI_ISSUER": "http://127.0.0.1:2", "DAERI_PUBLIC_URL": "http://127.0.0.1:8787"}
    ended = daeri("doctor", "--dir", built.folder, "--lang", "en", **settings)
    assert ended.returncode == 1
    assert "✗ Identity provider: " in ended.stdout
    assert "Check DAERI_ISSUER and http://127.0.0.1:2/.well-known/openid-configuration" in ended.stdout


def test_the_doctor_tells_of_redis_where_there_is_one(built: Built, tmp_path: Path) -> None:
    redis = RedisServer(tmp_path).start()
    try:
        asked = ("doctor", "--dir", built.folder, "--lang", "en")
        assert "✓ Redis " in daeri(*asked, DAERI_REDIS_URL=redis.url).stdout
        with redis.client as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
        assert "! Redis may evict keys" in daeri(*asked, DAERI_REDIS_URL=redis.url).stdout
    finally:
        redis.stop()
    assert "✗ Redis does not answer" in daeri(*asked, DAERI_REDIS_URL=redis.url).stdout
    assert "write redis://" in daeri(*asked, DAERI_REDIS_URL="http://127.0.0.1").stdout
