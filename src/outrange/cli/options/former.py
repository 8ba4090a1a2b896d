"""Former options, and messages that state what replaces them; kept until 0.2."""

FORMER_OPTIONS = {
    "merge": "`outrange merge` is now `outrange verify-all --merge TABLES --file FILE`.",
    "diagnose --steps": "--steps is now --train.",
    "diagnose --try-fixes": "--try-fixes is now --train fixes.",
    "loop --varying": "A disturbance may change at every step: leave out --varying.",
    "loop --no-varying": "A constant disturbance is a parameter: use --parameters, and `p` in the "
    "plant.",
    "verify-all --time": "--time is now --each: the time limit of each instance.",
    "verify-all --out": "--out is now --file.",
    "report --seed": "The random points of a report are fixed: leave out --seed.",
    "repair --output": "--output is now --path, or -o.",
    "repair --seed": "The random inputs of a repair are fixed: leave out --seed.",
    "--constant": "A constant disturbance is a parameter: use --parameters, and `p` in the plant.",
    "--effort": "--time-limit is the only limit in seconds; --time-limit inf sets no limit.",
    "--json": "--json is now --format json.",
    "--no-check": "Certificates are always checked before they are written: leave out --no-check.",
    "--out": "--out is now --path, or -o.",
    "--output-name": "--output-name is now --output-names.",
    "--proof-only": "--proof-only is now --no-solver.",
    "--reals": "--reals is now --no-whole.",
    "--relative-margin": "--relative-margin NUMBER is now --margin NUMBER --relative.",
    "--time": "--time is now --time-limit.",
    "--unsafe": "--unsafe is now --no-safe-mode.",
}
"""Dict from former option or command to the sentence that states what replaces it. If the sentence
depends on the command, the key is the command followed by the option."""
