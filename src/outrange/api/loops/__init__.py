"""Public questions about closed loops."""

from .ask import closed_loop as closed_loop
