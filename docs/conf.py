"""How Sphinx builds the documentation: `make docs`."""

from importlib.metadata import version as installed_version

project = "modelver"
author = "The modelver authors"
copyright = author  # noqa: A001 (Sphinx's name)
release = version = installed_version("modelver")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
# The fragments become the changelog; their README is for whoever writes one.
exclude_patterns = ["changes"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_numpy_docstring = False
# An error is documented where it is defined and where it is imported from; either is the right page.
suppress_warnings = ["ref.python"]

html_theme = "furo"
html_title = f"modelver {release}"
html_copy_source = False
