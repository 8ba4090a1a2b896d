"""How a package that is missing is installed, as every message says it."""

import shlex


def pip_install(*packages: str) -> str:
    """Quote the command that installs packages.

    The packages are named themselves, not as an extra of outrange: that works from an index, from a
    wheel and in a checkout alike.

    Args:
        *packages: As pip takes them.

    Returns:
        The command in backticks.
    """
    return f"`{shlex.join(['pip', 'install', *packages])}`"
