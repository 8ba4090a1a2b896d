"""Sphinx extension that draws the thumbnail of a gallery page from its first figure.

A scaled figure is illegible: its text shrinks with it. The thumbnail is the same figure, drawn at
a third of its area with text of the original size, without titles, legends and most ticks. The
caption of the card replaces the title.
"""

import pickle
import shutil
from pathlib import Path
from typing import Any


SIZE = (3.0, 1.5)
"""Width and height of a thumbnail in inches, for text of 10 points."""
PIXELS = 680
MOST_NAMES = 5
"""Number of categories on an axis, beyond which the thumbnail omits their names."""


def small_path(image: str) -> Path:
    """Return the file of the drawn thumbnail of a page whose figures have this path template."""
    name = Path(image.format(1)).name.replace("_001.png", "_small.png")
    return Path(image).parent / "thumb" / name


def simplify(ax: Any, alone: bool) -> None:
    """Remove the parts of a plot that are illegible in a thumbnail.

    Args:
        ax: The axes.
        alone: Whether the figure has no other axes; only then the labels of the axes fit.
    """
    from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator, ScalarFormatter

    ax.set_title("")
    ax.set_anchor("C")
    if ax.get_legend() is not None:
        ax.get_legend().remove()
    if not alone:
        ax.set(xlabel="", ylabel="")
    for words in ax.texts:
        words.set_fontsize(7)
    for axis in (ax.xaxis, ax.yaxis):
        names = isinstance(axis.get_major_locator(), FixedLocator) and not isinstance(
            axis.get_major_formatter(), ScalarFormatter
        )
        if not alone or (names and len(axis.get_majorticklocs()) > MOST_NAMES):
            axis.set_major_locator(NullLocator())
            axis.set_minor_locator(NullLocator())
        elif not names and axis.get_scale() == "linear":
            axis.set_major_locator(MaxNLocator(3))


def is_inside(label: Any, figure: Any) -> bool:
    """Return whether a text of a laid-out figure lies inside the figure."""
    text, whole = label.get_window_extent(), figure.bbox
    return whole.x0 <= text.x0 <= text.x1 <= whole.x1 and whole.y0 <= text.y0 <= text.y1 <= whole.y1


def draw(figure: Any, path: Path) -> None:
    """Draw the thumbnail of a figure, and leave the figure unchanged."""
    from matplotlib import pyplot

    small = pickle.loads(pickle.dumps(figure))
    small.suptitle("")
    for legend in list(small.legends):
        legend.remove()
    for ax in list(small.axes):
        for drawn in (*ax.images, *ax.collections):
            if drawn.colorbar is not None:
                drawn.colorbar.remove()
    for ax in small.axes:
        simplify(ax, alone=len(small.axes) == 1)
    small.set_size_inches(*SIZE)
    small.draw_without_rendering()
    for ax in small.axes:
        for label in (ax.xaxis.label, ax.yaxis.label):
            if not is_inside(label, small):
                label.set_text("")
    path.parent.mkdir(parents=True, exist_ok=True)
    small.savefig(path, dpi=PIXELS / SIZE[0])
    pyplot.close(small)  # unpickling opens the copy as a figure of pyplot


def scrape(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any], **how: Any) -> str:
    """Save the figures of a block for sphinx-gallery, and the thumbnail of the first figure."""
    from matplotlib import pyplot
    from sphinx_gallery.scrapers import matplotlib_scraper

    images = block_vars["image_path_iterator"]
    if len(images) == 0 and pyplot.get_fignums():
        draw(pyplot.figure(pyplot.get_fignums()[0]), small_path(images.image_path))
    return matplotlib_scraper(block, block_vars, gallery_conf, **how)


def replace_thumbnails(app: Any) -> None:
    """Replace the scaled figures of all galleries by the drawn thumbnails."""
    for gallery in app.config.sphinx_gallery_conf["gallery_dirs"]:
        for small in Path(app.srcdir, gallery).rglob("thumb/*_small.png"):
            shutil.copyfile(small, small.with_name(small.name.replace("_small", "_thumb")))


def setup(app: Any) -> dict[str, bool]:
    """Replace the thumbnails after the gallery has run; Sphinx calls this."""
    app.connect("builder-inited", replace_thumbnails, priority=900)
    return {"parallel_read_safe": True}
