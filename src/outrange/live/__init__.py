"""The live view of what takes long: one state, shown in a terminal or in a notebook."""

from .follow import (
    Display as Display,
    Progress as Progress,
    followed as followed,
    following as following,
    heard as heard,
)
