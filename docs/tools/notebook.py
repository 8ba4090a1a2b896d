"""Run a notebook from its first cell and write it as cell page: `notebook.py tour.ipynb tour.html`.

Wide outputs scroll. The page loads no external files.
"""

import base64
import sys
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter
from nbconvert.preprocessors import ExecutePreprocessor


EXPLORER, WIDGET = "explorer.png", "application/vnd.jupyter.widget-view+json"
"""Image in place of the explorer, and the MIME type of its output."""

STYLE = """
<style>
  .jp-OutputArea-output { overflow-x: auto; }
  .jp-RenderedText pre { white-space: pre; font-size: 12px; }
  body.jp-Notebook { max-width: 60rem; margin: 0 auto !important; padding: 0 1rem !important; }
  /* The look of the other pages: their fonts, their blue, a bar with the way back. */
  .jp-RenderedHTMLCommon, .tour { font-family: system-ui, -apple-system, "Segoe UI", Helvetica,
    Arial, sans-serif; font-size: 16px; }
  .jp-RenderedHTMLCommon h1, .jp-RenderedHTMLCommon h2 { font-weight: 700; }
  .jp-RenderedHTMLCommon a, .tour a { color: #1f4e9c; text-decoration: none; }
  .jp-RenderedHTMLCommon a:hover, .tour a:hover { text-decoration: underline; }
  .jp-CodeCell .jp-InputArea-editor { background: #efefef; border: 0; border-radius: 3px; }
  .jp-InputPrompt, .jp-OutputPrompt { display: none !important; }
  .tour { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; align-items: baseline;
    padding: .75rem 8px; border-bottom: 1px solid #e4e7eb; }
  .tour strong { font-size: 1.25rem; } .tour strong a { color: #000; }
  @media (max-width: 700px) { body.jp-Notebook, main { padding: 4px !important; } }
</style>
"""

HOME = """<nav class="tour" aria-label="Documentation">
<strong><a href="index.html">outrange</a></strong> <a href="quickstart.html">Quickstart</a>
<a href="learn/index.html">Tutorial</a> <a href="examples/index.html">Gallery</a>
<a href="faq.html">FAQ</a> <a href="api.html">Reference</a></nav>
"""


def main(source: str, target: str) -> None:
    """Run the notebook and write the page; an error in a cell ends the run."""
    notebook = nbformat.read(source, as_version=4)
    ExecutePreprocessor(timeout=120, kernel_name="python3").preprocess(
        notebook, {"metadata": {"path": Path(source).parent}}
    )
    picture = base64.b64encode((Path(source).parent / EXPLORER).read_bytes()).decode()
    for output in (cell for cell in notebook.cells for cell in cell.get("outputs", ())):
        data = output.get("data", {})
        # A widget needs a kernel, so a static page shows an image.
        if data.pop(WIDGET, None) is not None:
            data.pop("text/html", None)
            data["image/png"] = picture
    exporter = HTMLExporter(
        template_name="lab", mathjax_url="", require_js_url="", mermaid_js_url=""
    )
    exporter.embed_images = True
    page, _ = exporter.from_notebook_node(notebook)
    page = page.replace("</head>", f"{STYLE}</head>", 1).replace("<main>", f"{HOME}<main>", 1)
    Path(target).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
