"""Entry point of `python -m outrange_check` and of the command `outrange-check`."""

import argparse

from .certificate import Refused, check


def main() -> int:
    """Check a certificate and print the result; return 0 if it is certified, 1 if it is refused.

    Wrong arguments end the process with exit code 2.
    """
    parser = argparse.ArgumentParser(
        "outrange-check", description="Check a certificate of outrange."
    )
    parser.add_argument("certificate", help="the certificate, such as arm.proof")
    parser.add_argument(
        "--model", help="the model that the certificate is about: .keras, .onnx or .onnx.gz"
    )
    asked = parser.parse_args()
    try:
        theorem = check(asked.certificate, asked.model)
    except Refused as why:
        print(f"REFUSED: {why}")
        return 1
    print(
        *theorem.sentences,
        f"Network (SHA-256): {theorem.network}",
        f"Model (SHA-256): {theorem.model or 'none was given: the network is in the certificate'}",
        f"Boxes: {theorem.boxes}\nCERTIFIED",
        sep="\n",
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
