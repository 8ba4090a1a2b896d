"""What the library says of Python, in the words of the command line.

The messages are those of the functions, which speak of arguments and calls; here the same things
are options. What is not listed reads well as it is.
"""

import re


SPOKEN = (
    (
        r"A model is a Keras model or layer, .* file ending in ([^`]*?), or a `Network` or "
        r"`Graph` of outrange\.",
        r"MODEL is a file ending in \1.",
    ),
    (
        r"pass `names=\[\.\.\.\]` to `outrange\.load`, or a DataFrame as data",
        "pass `--names NAME,NAME,...`, or data with titles by `--data`",
    ),
    (r"A dict box names every input", "`--input` names every input"),
    (r"\(a number or one array fixes it\)", "(`--input NAME 0 0` fixes it at 0)"),
    (r"`names` holds one name", "`--names` holds one name"),
    (r"; if the last \d+ columns of a DataFrame .*?\)`", ""),
    (r"`names` are all different", "`--names` are all different"),
    (
        r"`lo` and `hi` of input `([^`]*)` need one number",
        r"`--lo` and `--hi` of input `\1` need one number",
    ),
    (r"`time_limit`", "`--time`"),
    (r"`time_limit=`", "`--time`"),
)
"""Patterns of messages, and what takes their place."""


def spoken(message: str) -> str:
    """A message of the library as the command line says it."""
    for pattern, words in SPOKEN:
        message = re.sub(pattern, words, message)
    return message
