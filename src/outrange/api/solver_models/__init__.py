"""Public functions whose results mixed-integer solvers read: `layer_bounds` and `to_mip`."""
