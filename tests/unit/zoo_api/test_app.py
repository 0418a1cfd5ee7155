import subprocess
import sys
from pathlib import Path

import zoo_api
from zoo.settings import load_settings
from zoo_api.app import create_app

SOURCE = Path(zoo_api.__file__).parent

HEAVY = """
import sys
import zoo_api.app
wanted = "torch torchvision timm faiss celery kombu alembic scipy zoo_lite"
print(*[name for name in wanted.split() if name in sys.modules])
"""

ROUTES = {
    "GET / /livez /readyz /metrics",
    "GET /v1/plugins",
    "GET /v1/models /v1/models/<> /v1/models/<>/versions /v1/models/<>/versions/<>",
    "GET /v1/models/<>/versions/<>/artifact",
    "PUT DELETE /v1/models/<>/aliases/<>",
    "POST /v1/models/<>/aliases/<>/rollback",
    "GET /v1/models/<>/aliases/<>/history",
    "POST /v1/embeddings /v1/features /v1/classify",
    "GET /v1/collections",
    "PUT GET DELETE /v1/collections/<>",
    "GET POST /v1/collections/<>/items",
    "GET PATCH DELETE /v1/collections/<>/items/<>",
    "GET /v1/collections/<>/items/<>/image",
    "POST /v1/collections/<>/search",
    "GET /v1/datasets /v1/datasets/<>/versions/<>",
    "PUT GET DELETE /v1/datasets/<>",
    "POST /v1/datasets/<>/items",
    "GET POST /v1/jobs",
    "GET /v1/job-types /v1/job-types/<> /v1/jobs/<> /v1/jobs/<>/events /v1/jobs/<>/items",
    "POST /v1/jobs/<>/cancel /v1/jobs/<>/retry",
}


def test_the_application_is_made_without_what_only_workers_need() -> None:
    found = subprocess.run(
        [sys.executable, "-c", HEAVY], capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == []


def test_no_view_speaks_sql_or_names_a_model_library() -> None:
    for file in SOURCE.glob("*.py"):
        text = file.read_text()
        for name in ("sqlalchemy", "torch", "timm", "zoo.inference", "zoo.training"):
            assert f"import {name}" not in text, file.name
            assert f"from {name}" not in text, file.name


def test_every_route_of_the_contract_is_served(tmp_path: Path) -> None:
    promised = set()
    for line in ROUTES:
        words = line.split()
        paths = [word for word in words if word.startswith("/")]
        methods = [word for word in words if not word.startswith("/")]
        promised |= {(method, path) for method in methods for path in paths}

    served = set()
    for rule in create_app(load_settings({}, home=tmp_path)).url_map.iter_rules():
        path = "/".join("<>" if part.startswith("<") else part for part in rule.rule.split("/"))
        methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        served |= {(method, path) for method in methods}

    assert promised <= served
