"""Tests of whether a proved fault does harm, by copies with and without it on held-out rows."""
