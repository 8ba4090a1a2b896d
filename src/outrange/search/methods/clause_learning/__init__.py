"""Conflict-driven search: decides phases of units, and learns a clause from every conflict."""
