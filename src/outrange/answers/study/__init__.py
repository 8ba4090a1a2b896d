"""The record of a comparison of trainings, and its table."""
