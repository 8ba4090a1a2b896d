"""The record of a comparison of trainings, its file and its table."""
