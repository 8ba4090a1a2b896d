"""Tuning constants of pre-images; soundness depends on none of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PavingSettings:
    """Effort that a paving spends on a box before it is bisected.

    Args:
        most_at_once: Maximum number of boxes per call, if that takes at most `seconds_a_call`.
        seconds_a_call: Target duration of a call in seconds.
        settled: Uncertainty, as a share of its own volume, below which a box is not bisected.
        ascent: Steps of slope ascent per box; more steps save fewer boxes than they cost.
        starts: Descents in each box that may contain violations.
        retreats: Points tried between the middle of a box and its deepest point.
        most_inputs: Inputs up to which boxes are cut into exact cells: it starts from all corners,
            two to this power.
        most_units: Unstable units beyond which a box is bisected instead.
        most_cells: Cells of one box beyond which bisecting it is cheaper.
        most_vertices: Vertices of a polytope beyond which its volume is not computed.
        most_weights: Entries of a half-space whose share is computed as a sum of two to this power
            terms.
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
