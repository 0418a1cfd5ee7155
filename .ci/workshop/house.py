"""The house rules that no linter knows: sizes, empty names, asserts and hidden imports."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
PLACES = ("zoo", "api", "workers", "plugins", "migrations", "tests", "benchmarks", ".ci")
SOURCES = ("zoo", "api", "workers", "plugins")  # whose medians are reported
OURS = frozenset({"zoo", "zoo_api", "zoo_workers", "zoo_migrations", "zoo_lite"})
MAX_LINES = 400
EMPTY = re.compile(
    r"(?i:(?:.*_)?(?:data|info|manager|helper|utils?|handler)s?)|process|(?:do|my)_.*"
    r"|\w*[a-z](?:Data|Info|Manager|Helper|Utils?|Handler)"
)
"""What no file, function or class may be called."""
EMPTY_VALUE = re.compile(r"data|info|manager|helper|utils?|(?:do|my)_.*")
"""What no argument or variable may be called; a process or a signal's handler is a thing."""
FOREIGN = frozenset({"do_GET", "do_POST", "do_PUT", "do_DELETE", "do_PATCH"})  # http.server's
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def main() -> int:
    """Print what breaks a rule, then the medians; exit code 1 if anything does."""
    files = [ROOT / "dev.py", *(path for place in PLACES for path in (ROOT / place).rglob("*.py"))]
    faults = [fault for path in sorted(files) for fault in faults_of(path)]
    for fault in faults:
        print(fault)
    print(describe([path for path in files if path.relative_to(ROOT).parts[0] in SOURCES]))
    return int(bool(faults))


def faults_of(path: Path) -> Iterator[str]:
    """Every broken rule of one file, with its place."""
    text = path.read_text()
    place = path.relative_to(ROOT)
    n_lines = text.count("\n")
    if n_lines > MAX_LINES:
        yield f"{place}: {n_lines} lines, at most {MAX_LINES}"
    if EMPTY.fullmatch(path.stem):
        yield f"{place}: the file's name says nothing"
    for number, line in enumerate(text.splitlines(), start=1):
        if UNFINISHED.search(line) and path != Path(__file__).resolve():
            yield f"{place}:{number}: unfinished: {line.strip()}"
    for number, fault in faults_in(ast.parse(text), is_test="tests" in place.parts):
        yield f"{place}:{number}: {fault}"


def faults_in(tree: ast.Module, *, is_test: bool) -> Iterator[tuple[int, str]]:
    """Broken rules of code, with their lines."""
    of_wire = {id(name) for name in wire_names(tree)}
    for node in ast.walk(tree):
        if is_empty(node) and id(node) not in of_wire:
            yield node.lineno, f"the name {name_of(node)!r} says nothing"  # type: ignore[attr-defined]
        if isinstance(node, ast.Assert) and not is_test:
            yield node.lineno, "assert outside of tests"
        if isinstance(node, Function) and not is_test:
            yield from hidden_imports(node)


def wire_names(tree: ast.Module) -> Iterator[ast.expr]:
    """Keys of JSON objects that are typed: their names are the route's, like `data` of a list."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and "TypedDict" in map(ast.unparse, node.bases):
            yield from (line.target for line in node.body if isinstance(line, ast.AnnAssign))


def is_empty(node: ast.AST) -> bool:
    """Whether a node brings a name into the world that says nothing."""
    rule = EMPTY if isinstance(node, Function | ast.ClassDef) else EMPTY_VALUE
    name = name_of(node)
    return name not in FOREIGN and rule.fullmatch(name.lstrip("_")) is not None


def name_of(node: ast.AST) -> str:
    """The name that a node brings into the world, empty if none."""
    if isinstance(node, Function | ast.ClassDef):
        return node.name
    if isinstance(node, ast.arg):
        return node.arg
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return node.id
    return ""


def hidden_imports(function: Function) -> Iterator[tuple[int, str]]:
    """Imports of our own code inside a function."""
    for node in ast.walk(function):
        names = imported(node)
        if any(name.partition(".")[0] in OURS for name in names):
            yield node.lineno, f"{names[0]} is imported inside {function.name}()"  # type: ignore[attr-defined]


def imported(node: ast.AST) -> list[str]:
    """The modules that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def describe(files: list[Path]) -> str:
    """How long files and functions are."""
    lines = [path.read_text().count("\n") for path in files if path.stat().st_size]
    functions = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for path in files
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, Function)
    ]
    return (
        f"{len(files)} files: median {median(lines):.0f} lines, longest {max(lines)}; "
        f"{len(functions)} functions: median {median(functions):.0f} lines"
    )


if __name__ == "__main__":
    sys.exit(main())
