"""Conflict-driven search: phases of units are decided, and every dead end teaches a clause."""
