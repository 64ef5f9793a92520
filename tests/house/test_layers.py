"""The contracts of pyproject.toml hold, and each of them notices what it forbids."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PYPROJECT = REPOSITORY / "pyproject.toml"
CONTRACTS = [contract["id"] for contract in tomllib.loads(PYPROJECT.read_text())["tool"]["importlinter"]["contracts"]]

# contract, the file in which someone errs, and what he writes there
BREACHES = [
    ("layers", "errors.py", "from flowkit.events import Event"),
    ("layers", "runs/step.py", "from flowkit.rendering import model"),
    ("layers", "stores/sqlite.py", "import flowkit.adapters.smtp"),
    ("layers", "runs/step.py", "import typing\nif typing.TYPE_CHECKING:\n    import flowkit.ports"),
    ("layers", "engine/sync.py", "def late():\n    import flowkit.stores.sqlite"),
    ("layers", "attic.py", "# a room without a place among the layers"),
    ("stats", "stats/power.py", "from flowkit.errors import FlowkitError"),
    ("stats", "stats/power.py", "import flowkit.hashing"),
    ("front-door", "conditions.py", "from flowkit import Event"),
    ("front-door", "engine/sync.py", "import flowkit"),
    ("purity", "events.py", "import time"),
    ("purity", "runs/step.py", "from os import environ"),
    ("purity", "experiments/assign.py", "import random"),
    ("purity", "attic.py", "import logging"),
    ("templates", "rendering/model.py", "from jinja2 import Environment"),
    ("templates", "adapters/smtp.py", "import markupsafe"),
]
HOUSE = [
    "__init__.py",
    "errors.py",
    "hashing.py",
    "events.py",
    "conditions.py",
    "ports.py",
    "stats/__init__.py",
    "stats/power.py",
    "runs/__init__.py",
    "runs/step.py",
    "rendering/__init__.py",
    "rendering/engine.py",
    "rendering/model.py",
    "experiments/__init__.py",
    "experiments/assign.py",
    "engine/__init__.py",
    "engine/sync.py",
    "stores/__init__.py",
    "stores/sqlite.py",
    "adapters/__init__.py",
    "adapters/smtp.py",
]
PERMITTED = {
    "adapters/smtp.py": "import asyncio\nimport flowkit.ports",
    "engine/sync.py": "import flowkit.runs.step\nimport threading",
    "rendering/engine.py": "import jinja2",
    "runs/step.py": "from flowkit import events",
    "stores/sqlite.py": "import os\nimport sqlite3",
}

LINT = """
import sys
from importlinter.cli import lint_imports
sys.exit(lint_imports(config_filename=sys.argv[1], limit_to_contracts=(sys.argv[2],), no_cache=True))
"""


def lint(contract: str, source: Path) -> subprocess.CompletedProcess[str]:
    """Check one contract over the package that lies in `source`."""
    return subprocess.run(
        [sys.executable, "-c", LINT, str(PYPROJECT), contract],
        env=os.environ | {"PYTHONPATH": str(source)},
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )


def build(folder: Path, changes: dict[str, str] | None = None) -> Path:
    """A house of empty rooms, but for what is permitted and for the changes."""
    for name, text in (dict.fromkeys(HOUSE, "") | PERMITTED | (changes or {})).items():
        path = folder / "flowkit" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_house_keeps_the_contract(contract):
    result = lint(contract, REPOSITORY / "src")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("contract", CONTRACTS)
def test_what_is_permitted_passes(contract, tmp_path):
    result = lint(contract, build(tmp_path))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(("contract", "file", "text"), BREACHES)
def test_a_breach_is_seen(contract, file, text, tmp_path):
    result = lint(contract, build(tmp_path, {file: text}))
    assert result.returncode == 1
    assert "BROKEN" in result.stdout, result.stdout + result.stderr


def test_every_contract_has_a_breach():
    assert {contract for contract, _, _ in BREACHES} == set(CONTRACTS)
