"""Translation of error messages: command-line options replace the Python arguments in them.

Messages without a matching pattern remain unchanged.
"""

import re


TRANSLATIONS = (
    (
        r"A model must be a Keras model or layer, .* file ending in ([^`]*?), or a `Network` or "
        r"`Graph` of outrange\.",
        r"MODEL must be a file ending in \1.",
    ),
    (
        r"pass `names=\[\.\.\.\]` to `outrange\.load`, or a DataFrame as data",
        "pass `--names NAME,NAME,...`, or data with titles by `--data`",
    ),
    (r"A dict box must name every input", "`--input` must name every input"),
    (r"\(a number or one array fixes it\)", "(`--input NAME 0 0` fixes it at 0)"),
    (r"`names`, or the columns", "`--names`, or the columns"),
    (r"; if the last \d+ columns of a DataFrame .*?\)`", ""),
    (r"`names` must all be different", "`--names` must all be different"),
    (
        r"`lo` and `hi` of input `([^`]*)` need one number",
        r"`--lo` and `--hi` of input `\1` need one number",
    ),
    (r"`time_limit`", "`--time-limit`"),
    (r"`time_limit=`", "`--time-limit`"),
)
"""Pairs of a regular expression and its replacement, applied in this order."""


def translate_message(message: str) -> str:
    """Return an error message with command-line options in place of Python arguments."""
    for pattern, replacement in TRANSLATIONS:
        message = re.sub(pattern, replacement, message)
    return message
