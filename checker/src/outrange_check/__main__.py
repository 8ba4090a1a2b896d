"""`python -m outrange_check`, and the command `outrange-check`."""

import sys


def main() -> int:
    """Say that certificates are not checked by this version."""
    print("This version reads model files only; it checks no certificates yet.", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
