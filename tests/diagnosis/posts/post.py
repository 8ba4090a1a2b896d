"""Record of a program from a public post, with its corrected twin."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras


@dataclass(frozen=True)
class Post:
    """A program from a post.

    Args:
        link: Address of the post.
        about: The question, and the cause that its answer names.
        faulty: Builds the program `(model, x, y)`.
        fixed: Builds the program as the answer corrects it.
        codes: Rules that name the cause.
        level: Highest level of a finding with one of these codes when the list was drawn up
            (JAX); `"NOTE"` for a note, and `""` if the cause is not seen.
        options: Further arguments of `diagnose`.
    """

    link: str
    about: str
    faulty: Callable[[], tuple]
    fixed: Callable[[], tuple]
    codes: tuple[str, ...]
    level: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def build(self, *, fixed: bool = False) -> tuple:
        """Build a program `(model, x, y)` from fixed seeds."""
        keras.utils.set_random_seed(0)
        return (self.fixed if fixed else self.faulty)()
