"""How the documentation is built: MyST pages, docstrings in Google style, warnings are errors."""

from importlib.metadata import version as installed_version

project = "flowkit"
author = "The flowkit authors"
copyright = f"2026, {author}"  # noqa: A001 - the name that Sphinx reads
release = version = installed_version("flowkit-journeys")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"flowkit {release}"

# Pages link to each other's headings by their text.
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
# A class lists its attributes in its docstring and has them as members too; as :ivar: fields they are
# described once.
napoleon_use_ivar = True

# A name of the front door is documented in its room as well, so a mention of it has two targets, both right.
suppress_warnings = ["ref.python"]
