"""Sphinx: the pages are Markdown, the reference comes from the docstrings."""

import outrange


project = "outrange"
copyright = "the outrange authors"
version = release = outrange.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}
html_theme = "alabaster"
html_theme_options = {
    "description": "The exact range of every output of a neural network",
    "fixed_sidebar": True,
}
html_copy_source = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
myst_heading_anchors = 2
