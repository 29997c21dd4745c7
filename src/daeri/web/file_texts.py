"""Which words stand on the screen of one's own files? A part of the table in `texts.py`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from daeri.wording import Text

FILE_TEXTS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "nav.files": Text("내 파일", "My files"),
        "files": Text("내 파일", "My files"),
        "files.about": Text(
            "나만 볼 수 있어요. 에이전트가 결과를 여기에 저장해요. 예: '결과를 report.csv로 저장해줘'",
            "Only you see them. Agents save results here: “save the result as report.csv”.",
        ),
        "files.name": Text("이름", "Name"),
        "files.size": Text("크기(바이트)", "Size (bytes)"),
        "files.by": Text("쓴 사람", "Written by"),
        "files.me": Text("나", "me"),
        "files.at": Text("쓴 때", "Written"),
        "files.download": Text("받기", "Download"),
        "files.delete": Text("삭제", "Delete"),
        "files.act": Text("할 일", "Actions"),
        "files.deleted": Text("지웠어요.", "It was deleted."),
        "files.kept": Text(
            "{most}바이트 가운데 {kept}바이트를 쓰고 있어요. 이전 내용도 함께 셌어요.",
            "{kept} of {most} bytes are used, earlier contents included.",
        ),
        "files.empty": Text("저장한 파일이 없어요.", "You have no files."),
    }
)
