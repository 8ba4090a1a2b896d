"""The tuning constants of pre-images, in one place; none is needed for soundness."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PavingSettings:
    """What a paving may spend on a box before it is bisected.

    Args:
        most_at_once: Boxes bounded in one call, unless that takes longer than `seconds_a_call`.
        seconds_a_call: Target duration of a call in seconds.
        settled: A box whose share is known to this fraction of its own volume is not bisected.
        ascent: Steps of slope ascent per box: more save fewer boxes than they cost.
        starts: Descents in each box that may hold violations.
        retreats: Points tried between the middle of a box and the deepest point found.
        most_inputs: Inputs up to which boxes are cut into exact cells: their corners, two to this
            power, are where that starts.
        most_units: Boxes with more unstable units are split instead.
        most_cells: Cells of one box: with more, splitting it is cheaper.
        most_vertices: Vertices of one polytope: with more it is kept without its volume.
        most_weights: Entries of a halfspace whose share of a box is a sum of two to this power.
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
