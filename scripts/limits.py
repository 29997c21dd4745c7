"""Do files and functions stay small? Counts lines of code (no blanks, comments, docstrings); limits only fall."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FILE_MAX = 500
FUNCTION_MAX = 60
BROAD_EDGES = {
    "src/daeri/agent/executor.py",
    "src/daeri/cli/__init__.py",
    "src/daeri/gateway/jsonrpc.py",
    "src/daeri/library/cell.py",
    "src/daeri/tools/numeric_guest.py",
}
"""Files that may catch any exception: the edge of a run, of a command, of one call in a batch, of a file, of code."""


def docstrings(tree: ast.AST) -> set[int]:
    """Return the line numbers that docstrings and bare strings take."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def code_lines(source: str, tree: ast.AST, first: int = 1, last: int | None = None) -> int:
    """Count the lines of code between two line numbers."""
    skipped = docstrings(tree)
    lines = source.splitlines()[first - 1 : last]
    return sum(
        1
        for number, line in enumerate(lines, first)
        if line.strip() and not line.strip().startswith("#") and number not in skipped
    )


def broad(handler: ast.ExceptHandler) -> bool:
    """Say whether a handler catches everything and keeps it; one that cleans up and raises again does not."""
    everything = handler.type is None or (
        isinstance(handler.type, ast.Name) and handler.type.id in {"Exception", "BaseException"}
    )
    return everything and not isinstance(handler.body[-1], ast.Raise)


def complaints(path: Path) -> Iterator[str]:
    """Yield what is too large or too broad in a file."""
    source = path.read_text()
    tree = ast.parse(source)
    if (count := code_lines(source, tree)) > FILE_MAX:
        yield f"{path}: {count} lines of code, the limit is {FILE_MAX}"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            count = code_lines(source, tree, node.lineno, node.end_lineno)
            if count > FUNCTION_MAX:
                yield f"{path}:{node.lineno} {node.name}: {count} lines of code, the limit is {FUNCTION_MAX}"
        if isinstance(node, ast.ExceptHandler):
            if broad(node) and str(path) not in BROAD_EDGES:
                yield f"{path}:{node.lineno} catches every exception"
            if len(node.body) == 1 and isinstance(node.body[0], ast.Pass):
                yield f"{path}:{node.lineno} swallows an exception"


def main() -> int:
    """Print every complaint; 1 where there is one."""
    paths = (path for path in sorted(Path("src").rglob("*.py")) if "migrations" not in path.parts)
    found = [line for path in paths for line in complaints(path)]
    for line in found:
        print(line)
    print(f"limits: {len(found)} complaints")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
