"""Examples at the end of the help of each command."""

EXAMPLES = {
    "range": (
        "outrange range net.keras --box 0 1",
        "outrange range net.onnx --data train.csv --margin 0.1 --relative",
    ),
    "summary": ("outrange summary net.keras --box 0 1",),
    "monotone": (
        "outrange monotone net.keras --data train.csv",
        "outrange monotone net.keras --data train.csv --inputs area --direction rises",
    ),
    "verify": (
        'outrange verify net.keras "0 <= y[0] <= 3.99 and y.argmax() != 2" --box 0 1',
        "outrange verify net.onnx property.vnnlib --time-limit 60",
        'outrange verify f=old.onnx g=new.onnx "abs(f.y[0] - g.y[0]) <= 0.05" --box 0 1',
    ),
    "repair": (
        'outrange repair net.keras "y[0] <= 3.99" --box 0 1 -o fixed.keras',
        "outrange repair net.keras property.vnnlib -o fixed.keras --time-limit 300",
    ),
    "verify-all": (
        "outrange verify-all instances.csv --file results.csv --jobs 2",
        "outrange verify-all --merge results-*-of-8.csv --file all.csv",
    ),
    "explore": ("outrange explore net.keras --data train.csv --open",),
    "diagnose": (
        "outrange diagnose net.keras train.npz --target y",
        "outrange diagnose net.keras train.csv --target price --train fixes",
    ),
    "report": (
        'outrange report net.keras --box 0 1 --property "y[0] <= 3.99" -o report.html',
        "outrange report net.keras --data test.csv --time-limit 300",
    ),
    "loop": (
        "outrange loop net.keras --plant car.py --lo 2,2 --hi 3,3 --steps 30 "
        '--spec "always: x[0] <= 4"',
    ),
    "demo": ("outrange demo",),
}
"""Dict from command name to example command lines."""


def epilog(command: str) -> str:
    """Return the text at the end of a command's help: its examples and a hint on exit codes.

    Args:
        command: A key of `EXAMPLES`.

    Example:
        >>> epilog("demo").splitlines()[-1]
        'Exit codes: outrange --help.'
    """
    lines = EXAMPLES[command]
    head = "Example:" if len(lines) == 1 else "Examples:"
    typed = "\n".join(f"  {line}" for line in lines)
    return f"{head}\n\n\b\n{typed}\n\nExit codes: outrange --help."
