"""Nonlinear terms of conditions, as variables that follow the inputs and outputs."""
