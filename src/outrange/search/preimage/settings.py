"""Tuning constants of pre-images; soundness depends on none of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PavingSettings:
    """Effort that a paving spends on a box before bisecting it.

    Args:
        most_at_once: Maximum number of boxes bounded in one call; fewer if the call would take
            longer than `seconds_a_call`.
        seconds_a_call: Target duration of a call in seconds.
        settled: Uncertainty, as a fraction of a box's own volume, below which the box is not
            bisected.
        ascent: Maximum number of slope ascent steps per clause value and box, if the compiled
            kernel bounds the boxes. More steps would cost more time than they save.
        starts: Number of descents in each box that may contain violations.
        retreats: Number of points tried between the middle of a box and its lowest point.
        most_inputs: Maximum number of inputs for which boxes are cut into exact cells. The cuts
            start from all corners of a box, of which there are up to `2**most_inputs`.
        most_units: Number of unstable units above which a box is bisected instead.
        most_cells: Number of cells of one box above which bisecting it is cheaper.
        most_vertices: Number of vertices of a polytope above which its volume is not computed.
        most_weights: Maximum number of weights of a half-space that enter its volume formula, which
            then has `2**most_weights` terms.
    """

    most_at_once: int = 64
    seconds_a_call: float = 0.1
    settled: float = 1e-11
    ascent: int = 2
    starts: int = 6
    retreats: int = 8
    most_inputs: int = 8
    most_units: int = 12
    most_cells: int = 4096
    most_vertices: int = 4096
    most_weights: int = 6


SETTINGS = PavingSettings()
