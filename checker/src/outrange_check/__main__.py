"""Entry point of `python -m outrange_check` and of the command `outrange-check`."""

from .command import run
from .verified import check_proved


def main() -> int:
    """Run the command, with the proved checker for `--verified`; return its exit code."""
    return run(check_proved)


if __name__ == "__main__":
    raise SystemExit(main())
