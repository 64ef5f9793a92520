"""A real browser without a window: what a page shows in it, and whether a script ran."""

import os
import shutil
import subprocess

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def browser():
    """Find the browser; without one the test is skipped, but on CI it fails."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        message = f"no browser: none of {', '.join(_NAMES)} is on the path"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


def shown(html, folder):
    """Let the browser read a page; the document as it is after all scripts had their chance to run."""
    page = folder / "page.html"
    page.write_text(html, encoding="utf-8")
    command = [
        browser(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions",
        "--no-first-run", "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder / 'profile'}",
        "--virtual-time-budget=2000", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
