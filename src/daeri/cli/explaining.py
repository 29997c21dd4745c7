"""What does a code mean? The server's errors from their own tree, and the few that only the command line knows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from daeri.cli.words import Lang, Words
from daeri.errors import ALL_ERRORS


@dataclass(frozen=True, slots=True)
class Meaning:
    """One code: what it says, what to do, and how protocols number it."""

    code: str
    title: Words
    help: Words
    protocols: str = ""

    def body(self, lang: Lang) -> dict[str, Any]:
        """Render as JSON."""
        return {
            "code": self.code,
            "title": self.title.to(lang),
            "help": self.help.to(lang),
            "protocols": self.protocols or None,
        }


OWN: Final = (
    Meaning(
        "server-unreachable",
        Words("서버에 연결하지 못했어요 (종료 코드 6)", "The server cannot be reached (exit code 6)"),
        Words(
            "서버를 켜거나(daeri demo) 주소를 확인해 주세요. --server, DAERI_SERVER, server.json 순서로 찾아요.",
            "Start it (daeri demo) or check the address: --server, DAERI_SERVER, then server.json in the data folder.",
        ),
    ),
    Meaning(
        "db-unreachable",
        Words("데이터베이스에 연결하지 못했어요 (종료 코드 6)", "The database cannot be reached (exit code 6)"),
        Words(
            "주소는 --database, DAERI_DATABASE_URL, DATABASE_URL, .env, 폴더의 database.json 순서로 찾아요. "
            "없으면 폴더의 SQLite 파일을 써요.",
            "The address is looked for in --database, DAERI_DATABASE_URL, DATABASE_URL, .env and the folder's "
            "database.json; where there is none, a SQLite file in the folder is used.",
        ),
    ),
    Meaning(
        "db-newer",
        Words("더 새 판이 쓰던 데이터베이스예요 (종료 코드 5)", "A newer version was here (exit code 5)"),
        Words(
            "옛 판은 새 테이블을 몰라서 열지 않아요. daeri migrate --check 로 개정을 보고 그 판으로 켜 주세요.",
            "An older version does not know the new tables and leaves them alone. See daeri migrate --check.",
        ),
    ),
    Meaning(
        "port-taken",
        Words("포트를 다른 프로그램이 쓰고 있어요", "The port is in use"),
        Words(
            "--port 로 다른 포트를 쓰거나, 그 포트의 프로그램을 꺼 주세요.",
            "Take another one with --port, or stop what uses it.",
        ),
    ),
    Meaning(
        "address-unusable",
        Words("그 주소로는 들을 수 없어요", "The address cannot be listened on"),
        Words("--host 가 이 컴퓨터의 주소인지 확인해 주세요.", "Check that --host is an address of this machine."),
    ),
    Meaning(
        "database-unreadable",
        Words("데이터베이스를 볼 수 없어요", "The database cannot be looked at"),
        Words(
            "주소, 파일 경로, 사용자와 비밀번호를 확인해 주세요. 비밀번호는 PGPASSWORD 나 ~/.pgpass 로 주세요.",
            "Check the address, the path, the user and the password; give it by PGPASSWORD or ~/.pgpass.",
        ),
    ),
    Meaning(
        "no-services",
        Words("서비스 표가 없어요", "There is no table of services"),
        Words(
            "밖의 서비스는 TOML 파일에 적어요. DAERI_SERVICES=services.toml 이나 --file 로 알려 주세요.",
            "Services outside are named in a TOML file: DAERI_SERVICES=services.toml, or --file.",
        ),
    ),
    Meaning(
        "bad-services",
        Words("서비스 표를 쓸 수 없어요", "The table of services cannot be used"),
        Words(
            "표시된 자리를 고치고 daeri service inspect 로 확인해 주세요.",
            "Mend the place that is named, and look with daeri service inspect.",
        ),
    ),
    Meaning(
        "service-unreadable",
        Words("서비스의 설명을 읽지 못했어요", "A service's description cannot be read"),
        Words(
            "OpenAPI 문서는 3.0이나 3.1의 JSON이어야 하고, MCP 서버는 켜져 있어야 해요.",
            "An OpenAPI document must be JSON of 3.0 or 3.1; an MCP server must be running.",
        ),
    ),
    Meaning(
        "file-exists",
        Words("고쳐 썼을지 모르는 파일이 이미 있어요", "There is a file already, which may hold edits"),
        Words(
            "--diff 로 새로 생긴 것만 보고 옮겨 적으세요. --force 는 새로 쓰고 .bak 을 남겨요.",
            "See what is new with --diff and carry it over; --force writes anew and keeps a .bak.",
        ),
    ),
    Meaning(
        "name-clash",
        Words("회사의 테이블과 Daeri의 테이블 이름이 같아요", "A table of yours is called like one of Daeri's own"),
        Words(
            "같은 데이터베이스에 나란히 두려면 이름이 달라야 해요. PostgreSQL에서는 Daeri에게 스키마를 따로 주세요.",
            "To stand beside each other they need different names; on PostgreSQL give Daeri a schema of its own.",
        ),
    ),
    Meaning(
        "no-data",
        Words("데이터 폴더에 데이터가 없어요", "There is no data in the folder"),
        Words(
            "--dir 이나 DAERI_DIR 을 확인하거나 daeri demo 로 만들어 주세요.",
            "Check --dir or DAERI_DIR, or make it with daeri demo.",
        ),
    ),
    Meaning(
        "no-key",
        Words("물어볼 사람의 API 키가 없어요", "There is no API key to ask with"),
        Words(
            "--as 로 데모 계정을 고르거나 DAERI_KEY 에 키를 넣어 주세요. 키 만들기: daeri key create LOGIN",
            "Choose a demo account with --as, or set DAERI_KEY. Make a key: daeri key create LOGIN",
        ),
    ),
    Meaning(
        "audit-broken",
        Words("감사 기록이 바뀌었어요 (종료 코드 5)", "The audit log was changed (exit code 5)"),
        Words(
            "서버를 멈추고 데이터 폴더의 사본을 남긴 뒤, 알려 준 번호의 기록을 백업과 비교해 주세요.",
            "Stop the server, keep a copy of the data folder, and compare the named row with a backup.",
        ),
    ),
    Meaning(
        "not-a-demo",
        Words("데모가 아닌 데이터가 있는 폴더예요", "The folder holds data that is not a demo's"),
        Words("데모는 다른 폴더에 만들어 주세요.", "Make the demo in another folder."),
    ),
    Meaning(
        "in-use",
        Words("다른 프로세스가 그 폴더에 만들고 있어요", "Another process is building in that folder"),
        Words("끝나기를 기다려 주세요.", "Wait until it is done."),
    ),
    Meaning(
        "company-not-found",
        Words("회사 정의를 읽지 못했어요", "The company cannot be loaded"),
        Words("--company 모듈:함수 를 확인해 주세요.", "Check --company MODULE:CALLABLE."),
    ),
    Meaning(
        "extras-not-found",
        Words("MCP 추가 도구를 읽지 못했어요", "What MCP offers besides cannot be loaded"),
        Words("--mcp-extras 모듈:함수 를 확인해 주세요.", "Check --mcp-extras MODULE:CALLABLE."),
    ),
    Meaning(
        "bad-setting",
        Words("설정값이 맞지 않아요", "A setting is not valid"),
        Words("DAERI_ 로 시작하는 환경 변수와 .env 를 확인해 주세요.", "Check DAERI_ variables and .env."),
    ),
    Meaning(
        "start-failed",
        Words("서버가 시작하지 못했어요", "The server could not start"),
        Words("그 위의 기록과 daeri doctor 를 확인해 주세요.", "See the log above it, and run daeri doctor."),
    ),
    Meaning(
        "ambiguous",
        Words("여러 개가 맞아요", "Several things fit"),
        Words("번호를 더 길게 적어 주세요.", "Write more of the id."),
    ),
    Meaning(
        "comment-needed",
        Words("반려에는 의견이 필요해요", "A rejection needs a comment"),
        Words('-m "까닭" 을 붙여 주세요.', 'Add -m "why".'),
    ),
    Meaning(
        "usage",
        Words("명령을 이해하지 못했어요 (종료 코드 2)", "The command line is not right (exit code 2)"),
        Words("daeri --help 와 daeri 명령 --help 를 봐 주세요.", "See daeri --help and daeri COMMAND --help."),
    ),
)


def meanings() -> Mapping[str, Meaning]:
    """Return every code with its meaning."""
    servers = (
        Meaning(
            error.code,
            Words(error.title.ko, error.title.en),
            Words(error.help.ko, error.help.en),
            f"HTTP {error.status} · JSON-RPC {error.rpc_code}",
        )
        for error in ALL_ERRORS
    )
    return {item.code: item for item in (*servers, *OWN)}
