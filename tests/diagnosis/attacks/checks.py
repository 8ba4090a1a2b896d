"""For each rule that proves something: how its proof is attacked."""

from __future__ import annotations

from . import gradients, ranges
from .contradictions import Check


CHECKS: dict[str, Check] = {
    "OR001": ranges.out_of_range,
    "OR002": ranges.not_constant,
    "OR003": gradients.alive,
    "OR004": gradients.not_saturated,
    "OR005": gradients.has_gradient,
    "OR006": ranges.gives_probabilities,
    "OR007": ranges.out_of_range,
    "OR008": ranges.out_of_range,
    "OR009": ranges.not_affine,
    "OR010": ranges.labels_fit,
    "OR011": ranges.shapes_meet,
    "OR012": gradients.responds,
    "OR013": gradients.parts,
    "OR016": gradients.finite,
    "OR017": gradients.converges,
    "OR019": gradients.no_dropout,
    "OR020": gradients.alive,
    "OR021": gradients.is_trained,
    "OR022": ranges.under,
    "OR024": gradients.not_clipped,
    "OR025": ranges.something_to_learn,
    "OR030": gradients.gets_below,
    "OR036": ranges.tells_apart,
    "OR039": ranges.separates,
    "OR040": ranges.counts_more,
}
