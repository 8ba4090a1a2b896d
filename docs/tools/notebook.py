"""Run a notebook from its first cell and write it as one page: `notebook.py tour.ipynb tour.html`.

What a cell prints may be wide: its output scrolls. The page loads nothing from elsewhere.
"""

import sys
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter
from nbconvert.preprocessors import ExecutePreprocessor


STYLE = """
<style>
  .jp-OutputArea-output { overflow-x: auto; }
  .jp-RenderedText pre { white-space: pre; font-size: 12px; }
  body { max-width: 60rem; margin: 0 auto !important; }
  @media (max-width: 700px) {
    .jp-InputPrompt, .jp-OutputPrompt { display: none !important; }
    body.jp-Notebook, main { padding: 4px !important; }
  }
</style>
"""


def main(source: str, target: str) -> None:
    """Run and write; a cell that raises ends it with that error."""
    notebook = nbformat.read(source, as_version=4)
    ExecutePreprocessor(timeout=120, kernel_name="python3").preprocess(
        notebook, {"metadata": {"path": Path(source).parent}}
    )
    exporter = HTMLExporter(
        template_name="lab", mathjax_url="", require_js_url="", mermaid_js_url=""
    )
    exporter.embed_images = True
    page, _ = exporter.from_notebook_node(notebook)
    home = '<p><a href="index.html">outrange: the documentation</a></p>'
    page = page.replace("</head>", f"{STYLE}</head>", 1).replace("<main>", f"{home}<main>", 1)
    Path(target).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
