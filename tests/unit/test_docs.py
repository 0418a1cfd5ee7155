"""The documents say what the code does: routes, settings, codes, links, and the plugin to copy."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from tests.promised import document as openapi_document
from zoo.errors import IMAGE_CODES, TEXT_CODES
from zoo.settings import Settings, load_settings
from zoo_api.app import create_app
from zoo_api.problems import CODE_OF_STATUS, STATUS_OF_CODE

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
INPUT_CODES = IMAGE_CODES | TEXT_CODES
SOURCES = ("zoo", "api", "workers", "plugins")
ROUTE = re.compile(r"^### `(GET|PUT|POST|PATCH|DELETE) (\S+)`$", re.MULTILINE)
SETTING = re.compile(r"^\| `(ZOO_\w+)` \| (.+?) \|", re.MULTILINE)
CODE = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)")
OWN = {"home": "the platform's"}  # defaults that no document can name exactly


def test_every_route_is_documented_and_no_other(tmp_path: Path) -> None:
    app = create_app(load_settings({}, home=tmp_path))
    served = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert set(ROUTE.findall(read("docs/rest.md"))) == served


def test_every_setting_is_documented_with_its_default_and_no_other() -> None:
    table = read("docs/operating.md").partition("<!-- settings:")[2]
    assert dict(SETTING.findall(table)) == {
        f"ZOO_{field.name.upper()}": documented_default(field.name, field.default)
        for field in fields(Settings)
    }


def test_every_extra_is_documented_and_no_other() -> None:
    table = read("docs/operating.md").partition("## Installing\n")[2].partition("\n## ")[0]
    project = tomllib.loads(read("pyproject.toml"))["project"]
    assert set(CODE.findall(table)) == set(project["optional-dependencies"])


def test_every_code_is_in_the_glossary_and_no_other() -> None:
    assert set(CODE.findall(section("## Error codes"))) == used_codes() - INPUT_CODES
    assert set(CODE.findall(section("## Input codes"))) == INPUT_CODES


def test_the_table_of_statuses_has_every_code_with_a_status_of_its_own() -> None:
    rows = re.findall(r"^\| (\d{3}) \| .+? \| (.+?) \|$", read("docs/rest.md"), re.MULTILINE)
    listed = {code: int(row[0]) for row in rows for code in re.findall(r"`(\w+)`", row[1])}
    fixed = {**STATUS_OF_CODE, **{code: status for status, code in CODE_OF_STATUS.items()}}
    assert {code: listed.get(code) for code in fixed} == fixed


def test_the_routes_name_only_codes_that_exist() -> None:
    known = used_codes() | INPUT_CODES
    listed = re.findall(r"\d{3}\s+((?:`[a-z_]+`(?:,\s+)?)+)", read("docs/rest.md"))
    named = {code for group in listed for code in re.findall(r"`([a-z_]+)`", group)}
    assert named
    assert named <= known


def test_each_route_names_only_codes_that_its_contract_has_with_that_status() -> None:
    _, *parts = re.split(ROUTE, read("docs/rest.md"))
    for method, path, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        responses = openapi_document()["paths"][path][method.lower()]["responses"]
        for status, group in re.findall(r"(\d{3})\s+((?:`[a-z_]+`(?:,\s+)?)+)", text):
            for code in re.findall(r"`([a-z_]+)`", group):
                assert f"`{code}`" in responses[status]["description"], (method, path, code)


def test_the_contracts_name_only_codes_that_exist() -> None:
    operations = [one for path in openapi_document()["paths"].values() for one in path.values()]
    described = [one["description"] for op in operations for one in op["responses"].values()]
    named = {code for text in described for code in re.findall(r"`(\w+)`", text)}
    assert len(named) > 50
    assert named <= used_codes() | INPUT_CODES


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(document: Path) -> None:
    for target, anchor in LINK.findall(document.read_text()):
        found = document.parent / target if target else document
        assert found.exists(), f"{document.name} links to {target}"
        if anchor:
            assert anchor[1:] in anchors(found), f"{document.name} links to {target}{anchor}"


def test_the_plugin_to_copy_works(tmp_path: Path) -> None:
    text = section("## A complete one", document="docs/plugins.md")
    [code] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    [entry_point] = re.findall(r'entry-points\.("zoo\.backbones"\]\n.*?)```', text, re.DOTALL)
    (tmp_path / "zoo_grid.py").write_text(code)
    about = tmp_path / "zoo_grid-0.1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo-grid\nVersion: 0.1.0\n")
    points = entry_point.replace('"zoo.backbones"]', "[zoo.backbones]").replace('"', "")
    (about / "entry_points.txt").write_text(points)
    use = (
        "from pathlib import Path\n"
        "from zoo.inference.loading import load_backbone\n"
        "from zoo.predictor import BackboneRef\n"
        "from zoo.registry.description import describe_in_process\n"
        "print(describe_in_process('grid', timeout_s=60).state)\n"
        "ref = BackboneRef(plugin='grid', architecture='colours', weights='fixed')\n"
        f"print(load_backbone(ref, weights_cache=Path({str(tmp_path)!r})).detail.dim)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", use],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.split() == ["ready", "192"], ended.stderr


def used_codes() -> set[str]:
    """Every code that the sources can give an error."""
    found = {*CODE_OF_STATUS.values(), *STATUS_OF_CODE, "http_error"}
    for place in SOURCES:
        for path in (ROOT / place).rglob("*.py"):
            found |= set(codes_in(ast.parse(path.read_text())))
    return found


def codes_in(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        for value in code_values(node):
            yield from texts(value)


def code_values(node: ast.AST) -> Iterator[ast.expr]:
    """What is given as `code`: an argument, a class's own, a member of a dict, first of a pair."""
    if isinstance(node, ast.Call):
        yield from (keyword.value for keyword in node.keywords if keyword.arg == "code")
        yield from named_codes(node)
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name | ast.Tuple):
        yield from assigned_codes(node.targets[0], node.value)
    elif isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        yield from (
            value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "code"
        )


def assigned_codes(target: ast.Name | ast.Tuple, value: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, ast.Name) and target.id == "code":
        yield value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = zip(target.elts, value.elts, strict=True)
        yield from (given for name, given in pairs if ast.unparse(name) == "code")


def named_codes(call: ast.Call) -> Iterator[ast.expr]:
    """`unknown("job type", ...)` gives unknown_job_type."""
    if ast.unparse(call.func) == "unknown" and isinstance(call.args[0], ast.Constant):
        yield ast.Constant(f"unknown_{call.args[0].value}".replace(" ", "_"))


def texts(value: ast.expr) -> Iterator[str]:
    if isinstance(value, ast.IfExp):
        yield from (*texts(value.body), *texts(value.orelse))
    elif isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value


def documented_default(name: str, default: object) -> str:
    if default is MISSING:
        return OWN[name]
    return f"`{default}`" if default != "" else "empty"


def section(heading: str, *, document: str = "GLOSSARY.md") -> str:
    return read(document).partition(f"{heading}\n")[2].partition("\n## ")[0]


def anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def read(document: str) -> str:
    return (ROOT / document).read_text()


def test_every_test_that_the_security_page_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/.]+\.py)::(\w+)`", read("docs/security.md"))
    assert len(named) > 30
    missing = [f"{path}::{name}" for path, name in named if not _is_test(path, name)]
    assert missing == []


def _is_test(path: str, name: str) -> bool:
    file = ROOT / path
    return file.is_file() and f"def {name}(" in file.read_text()
