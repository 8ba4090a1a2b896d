"""The record of a comparison of training runs, and its table."""
