"""Lowering rules of core ATen operations."""

from .table import TABLE as TABLE
