"""The page about the lint is what its generator prints."""

import subprocess
import sys
from pathlib import Path

from docs.generate_lint import page
from flowkit.workflows.lint.rules import HOST_RULES, JOINT_RULES, RULES

REPOSITORY = Path(__file__).resolve().parents[4]


def test_the_page_is_what_the_generator_prints():
    written = (REPOSITORY / "docs" / "lint.md").read_text(encoding="utf-8")
    assert written == page(), "renew it: python docs/generate_lint.py > docs/lint.md"


def test_the_generator_runs_by_itself():
    command = [sys.executable, "docs/generate_lint.py"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, encoding="utf-8", check=True)
    assert done.stdout == page()


def test_every_rule_has_its_section():
    lines = page().splitlines()
    assert [line for line in lines if line.startswith("### ")] == [
        f"### `{rule.id}`"
        for rule in (
            *sorted(RULES, key=lambda rule: list(type(rule.severity)).index(rule.severity)),
            *HOST_RULES,
            *JOINT_RULES,
        )
    ]
