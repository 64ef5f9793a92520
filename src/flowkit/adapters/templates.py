"""Templates from a mapping or from a folder."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import field, frozen

from flowkit.errors import ConfigurationError, DocumentError, Problem
from flowkit.events import id_problem
from flowkit.rendering.model import Template, TemplateError

__all__ = ["DictTemplates", "DirectoryTemplates"]

_NO_FILE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})


def _copy(templates: Mapping[str, Template]) -> Mapping[str, Template]:
    return dict(templates)


@frozen
class DictTemplates:
    """Templates that the host holds in memory.

    Attributes:
        templates: The templates by id; a copy of what is given.
    """

    templates: Mapping[str, Template] = field(converter=_copy)

    def template(self, template_id: str) -> Template | None:
        """Look a template up; None where there is none of that id."""
        return self.templates.get(template_id)


@frozen
class DirectoryTemplates:
    """Templates as files in UTF-8: ``<id>.subject.txt``, ``<id>.html`` and ``<id>.txt``; each may be missing.

    An id may lead into a folder below (``welcome/first``). Files are read whenever a template is asked for,
    which the engine does when a workflow is published.

    Attributes:
        path: The folder.

    Raises:
        ConfigurationError: The path is no folder.
    """

    path: Path = field(converter=Path)

    def __attrs_post_init__(self) -> None:
        if not self.path.is_dir():
            raise ConfigurationError(f"{self.path} is not a folder: give the one that holds the templates")

    def template(self, template_id: str) -> Template | None:
        """Read a template; None where none of its files is there.

        Raises:
            DocumentError: The id leads out of the folder, by its own text or by a symbolic link.
            TemplateError: A file is not in UTF-8.
            ConfigurationError: A file is there and cannot be read.
        """
        if problem := id_problem(template_id):
            raise DocumentError([Problem("bad_id", "", message=f"a template id {problem}")])
        subject = self._read(template_id, ".subject.txt")
        html = self._read(template_id, ".html")
        text = self._read(template_id, ".txt")
        if subject is None and html is None and text is None:
            return None
        # The line break at the end of the file is the editor's.
        return Template(template_id, subject=(subject or "").rstrip("\r\n"), html=html, text=text)

    def _read(self, template_id: str, suffix: str) -> str | None:
        root = self.path.resolve()
        try:
            file = (root / f"{template_id}{suffix}").resolve()
            if not file.is_relative_to(root):
                message = f"template id {template_id!r} leads out of the folder; name a file below it"
                raise DocumentError([Problem("bad_id", "", message=message)])
            content = file.read_bytes()
        except OSError as error:
            if error.errno in _NO_FILE:
                return None
            message = f"template {template_id!r}: {template_id}{suffix} cannot be read ({error.strerror})"
            raise ConfigurationError(message) from error
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise TemplateError("not_utf8", f"{template_id}{suffix} is not in UTF-8", line) from error
