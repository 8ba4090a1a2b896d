"""Tests whether a proved fault does harm: trains copies with and without it and scores them on
held-out rows."""
