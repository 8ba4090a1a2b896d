"""Lowering rules for core ATen operations."""

from .table import TABLE as TABLE
