"""Tests whose question stays open today although its answer is known; none may be added lightly."""

OPEN: frozenset[str] = frozenset(
    [
        "test_shapes[y != 1/2]",
        "test_shapes[all but one value]",
        "test_shapes_on_the_array_engine[y != 1/2]",
        "test_peers[cancel-1.09951e+12-1.001]",
        "test_peers[cancel-1.09951e+12-0.999]",
        "test_peers_on_the_array_engine[cancel-1.09951e+12-0.999]",
        "test_thresholds_on_the_array_engine[3-5-4-1-most+0.001]",
        "test_thresholds_on_the_array_engine[2-3-3-3-1-0-least-<=]",
        "test_true_by_construction_on_the_array_engine[twins-small-0]",
        "test_true_by_construction_on_the_array_engine[twins-small-2]",
        "test_true_by_construction_on_the_array_engine[relu(h) - relu(-h) = h-1]",
        "test_true_by_construction_on_the_array_engine[|h| = relu(h) + relu(-h)-2]",
    ]
)
"""`test_name[id]`; a test that is decided after all does no harm here."""
