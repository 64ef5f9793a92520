"""How the schema is opened: the tables, and what is at hand from the first call on."""

from __future__ import annotations

from typing import Final

from flowkit.errors import ConfigurationError, StoreVersionError
from flowkit.stores.postgres import statements as sql
from flowkit.stores.postgres.access import Access
from flowkit.stores.postgres.link import Link
from flowkit.stores.postgres.shared import Shared
from flowkit.stores.postgres.tables import SCHEMA_VERSION, TABLES

__all__ = ["open_schema"]

_HAS_SCHEMA: Final = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = %s)"
_HAS_TABLES: Final = (
    "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = %s AND c.relname = 'meta')"
)
_VERSION: Final = "SELECT value FROM flowkit.meta WHERE name = 'schema'"


def open_schema(access: Access, shared: Shared) -> None:
    """Make the tables where there are none, have the newest phrases at hand, and drop the notes that no claim names.

    Raises:
        ConfigurationError: The database keeps its texts in an encoding that does not hold every text.
        StoreVersionError: The tables were made by a later version of flowkit; nothing was written.
    """
    [(encoding,)] = access.read(lambda link: link.rows("SHOW server_encoding"))
    if encoding != "UTF8":
        message = f"the database has the encoding {encoding}; make one with ENCODING 'UTF8'"
        raise ConfigurationError(message)
    if not access.read(_has_tables):
        access.write(_make_tables)
    version = access.read(lambda link: link.number(_VERSION))
    if version != SCHEMA_VERSION:
        message = (
            f"the tables have schema {version}, this version of flowkit knows schema {SCHEMA_VERSION}: "
            "use a version of flowkit that knows it; nothing was written"
        )
        raise StoreVersionError(message)
    access.read(lambda link: link.write(sql.ORPHANED_NOTES))
    shared.phrases.learn(access.read(lambda link: link.rows(sql.NEWEST_PHRASES)))


def _has_tables(link: Link) -> bool:
    [(there,)] = link.rows(_HAS_TABLES, link.schema.name)
    return bool(there)


def _make_tables(link: Link) -> None:
    """Make schema and tables in one transaction, in which nobody else does."""
    link.rows(sql.OWN_STAMP, link.schema.lock)
    # To make a schema takes a right that one who has been given a schema need not have.
    [(there,)] = link.rows(_HAS_SCHEMA, link.schema.name)
    if not there:
        link.run(f"CREATE SCHEMA {link.schema.quoted}")
    if not _has_tables(link):
        for statement in TABLES:
            link.run(statement)
