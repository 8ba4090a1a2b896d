"""`python -m outrange_check`, and the command `outrange-check`."""

import argparse
import sys

from .certificate import check
from .network import Refused


def main() -> int:
    """Check a certificate: 0 it is certified, 1 it is refused."""
    parser = argparse.ArgumentParser(prog="outrange-check")
    parser.add_argument("certificate")
    parser.add_argument("--model")
    given = parser.parse_args()
    try:
        theorem = check(given.certificate, given.model)
    except Refused as why:
        print(f"REFUSED: {why}")
        return 1
    print("\n".join([*theorem.sentences, "CERTIFIED"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
