"""The command `outrange-check`: it checks a certificate and prints the result."""

import argparse
from collections.abc import Callable

from .certificate import Refused, check


def run(confirm: Callable[..., str]) -> int:
    """Check a certificate and print the result; return 0 if it is certified, 1 if it is refused.

    Wrong arguments end the process with exit code 2.

    Args:
        confirm: The second checker for `--verified`. It receives the evidence of the theorem, and
            returns a sentence or raises `Refused`.
    """
    parser = argparse.ArgumentParser(
        "outrange-check", description="Check a certificate of outrange."
    )
    parser.add_argument("certificate", help="the certificate, such as arm.proof")
    parser.add_argument(
        "--model", help="the model that the certificate is about: .keras, .onnx or .onnx.gz"
    )
    parser.add_argument(
        "--verified",
        action="store_true",
        help="run the proved checker too (built by `make verified`); both must accept",
    )
    asked = parser.parse_args()
    try:
        theorem = check(asked.certificate, asked.model)
        confirmed = [confirm(*theorem.evidence)] if asked.verified else []
    except Refused as why:
        print(f"REFUSED: {why}")
        return 1
    print(
        *theorem.sentences,
        f"Network (SHA-256): {theorem.network}",
        f"Model (SHA-256): {theorem.model or 'none was given: the network is in the certificate'}",
        *confirmed,
        f"Boxes: {theorem.boxes}\nCERTIFIED",
        sep="\n",
    )
    return 0
