"""Comparison of a network read from a framework's code with the framework itself, at samples."""

import argparse
import warnings
from collections.abc import Callable

import numpy as np

from outrange.domains import bounds
from outrange.frontends.check import check_at
from outrange.frontends.network import Network
from outrange.graph.domain import is_inside


SCALES = (1.0, 4.0)
"""Standard deviations of the samples."""


def compare(network: Network, predict: Callable[[np.ndarray], np.ndarray], count: int) -> str:
    """Compare a network with its framework at normal samples, and its bounds with the samples.

    Args:
        network: The network that was read.
        predict: The framework's function from flat float32 rows to rows of outputs.
        count: Number of samples.

    Returns:
        "" if all agree, or else a sentence about the difference.

    Raises:
        ModelError: They differ by more than rounding explains.
    """
    graph, rng = network.graph, np.random.default_rng(0)
    for scale in SCALES:
        x = rng.normal(0.0, scale, (count // len(SCALES), graph.size)).astype(np.float32)
        check_at(network, x.astype(np.float64), predict(x))
    lo, hi = np.full(graph.size, 0.1), np.full(graph.size, 0.8)
    least, most = (end[0] for end in bounds(graph, lo, hi)[graph.output])
    x = rng.uniform(lo, hi, (count // 4, graph.size))
    values = graph.run_all(x)
    y = values[graph.output][is_inside(graph, values)]
    slack = 1e-9 * (1.0 + np.abs(y))
    inside = (least <= y + slack).all() and (y - slack <= most).all()
    return "" if inside else "A SAMPLE IS OUTSIDE THE BOUNDS"


def first_line(error: Exception) -> str:
    """Return the first line of an error's text."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:240] if lines else type(error).__name__


def show(kind: str, rows: dict[str, str], markdown: bool, version: str) -> None:
    """Print which names are supported, the reasons for the others, and the fraction supported.

    Args:
        kind: The kind of the names, such as "module".
        rows: For each name, why it is refused; "" if it is supported.
        markdown: Whether to print a table with two rows per kind instead of a line per name.
        version: Name and version of the framework.
    """
    read = [name for name, why in rows.items() if not why]
    if markdown:
        print(f"| {kind}, read | {', '.join(read)} |")
    for name, why in rows.items():
        if why and markdown:
            print(f"| {kind}, refused | {name}: {why} |")
        elif not markdown:
            print(f"{kind:10} {name:36} {'read' if not why else 'refused: ' + why}")
    share = len(read) / max(len(rows), 1)
    print(f"{kind}: {len(read)} of {len(rows)} read ({share:.1%}), {version}", flush=True)


def parse_options(description: str | None) -> argparse.Namespace:
    """Parse the options of a table: `only`, `samples` and `markdown`; silence warnings."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--only", nargs="+", default=())
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--markdown", action="store_true")
    warnings.filterwarnings("ignore")
    return parser.parse_args()
