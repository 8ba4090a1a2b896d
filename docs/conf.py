"""Sphinx configuration: Markdown pages, a gallery that runs, a reference from docstrings."""

import os
import sys
from pathlib import Path


os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Compiling the models of the gallery takes much longer than running them.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "tools"))

import outrange  # noqa: E402


SUMMARY = "Proves the exact minimum and maximum of every output of a neural network."

project = "outrange"
copyright = "the outrange authors"
version = release = outrange.__version__
extensions = [
    "built_links",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "thumbnails",
    "trimmed_blocks",
]
exclude_patterns = [
    "_build", "gallery", "tutorial", "tools", "tour.ipynb",
    "**/sg_execution_times.rst", "sg_execution_times.rst",
]  # fmt: skip
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
suppress_warnings = ["config.cache"]

html_theme = "furo"
html_title = "outrange"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1f4e9c", "color-brand-content": "#1f4e9c"},
    "dark_css_variables": {"color-brand-primary": "#9dbcf2", "color-brand-content": "#9dbcf2"},
}
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"

autodoc_typehints = "none"
autodoc_member_order = "bysource"
autosummary_generate = False
napoleon_google_docstring = True
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
myst_html_meta = {
    "description": SUMMARY,
    "property=og:title": "outrange: what can this network output?",
    "property=og:description": SUMMARY,
    "property=og:type": "website",
}

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"

sphinx_gallery_conf = {
    "examples_dirs": ["tutorial", "gallery"],
    "gallery_dirs": ["learn", "examples"],
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "capture_repr": (),
    "download_all_examples": False,
    "image_scrapers": ("thumbnails.scrape",),
    "image_srcset": ["2x"],
    "matplotlib_animations": False,
    "min_reported_time": 1e9,
    "nested_sections": True,
    "remove_config_comments": True,
    "reset_modules": ("matplotlib", "gallery_style.reset"),
    "show_memory": False,
    "show_signature": False,
    "thumbnail_size": (680, 340),
    "write_computation_times": False,
}
