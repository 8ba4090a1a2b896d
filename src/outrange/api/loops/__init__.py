"""Public functions that verify closed loops of controllers and plants."""

from .ask import closed_loop as closed_loop
