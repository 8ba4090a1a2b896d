"""Pipes of a flow over workers."""
