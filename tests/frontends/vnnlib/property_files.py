"""A second, independent reader of property files, and random files to read."""

import math
import random
import re
from fractions import Fraction
from itertools import pairwise


def forms(text):
    """Parse the forms of a text to nested lists."""
    stack = [[]]
    for word in re.findall(r"[()]|[^\s()]+", re.sub(";.*", "", text)):
        if word == "(":
            stack.append([])
        elif word == ")":
            stack[-2].append(stack.pop())
        else:
            stack[-1].append(word)
    return stack[0]


MEANING = {
    "and": lambda v: all(v),
    "or": lambda v: any(v),
    "not": lambda v: not v[0],
    "=>": lambda v: not all(v[:-1]) or v[-1],
    "<=": lambda v: all(a <= b for a, b in pairwise(v)),
    "<": lambda v: all(a < b for a, b in pairwise(v)),
    ">=": lambda v: all(a >= b for a, b in pairwise(v)),
    ">": lambda v: all(a > b for a, b in pairwise(v)),
    "=": lambda v: all(a == b for a, b in pairwise(v)),
    "==": lambda v: v[0] == v[1],
    "!=": lambda v: v[0] != v[1],
    "+": sum,
    "-": lambda v: v[0] - sum(v[1:]) if v[1:] else -v[0],
    "*": math.prod,
    "/": lambda v: v[0] / v[1],
    "true": lambda v: True,
    "false": lambda v: False,
}


def evaluate(form, env):
    """Evaluate a form to a bool or a Fraction; add compared terms' differences to `env["gaps"]`."""
    if isinstance(form, str):
        if form in MEANING:
            return MEANING[form]([])
        return env[form] if form in env else Fraction(form)
    if form[0] == "let":
        return evaluate(form[2], env | {name: evaluate(v, env) for name, v in form[1]})
    v = [evaluate(part, env) for part in form[1:]]
    if form[0][0] in "<>!" or form[0] in ("=", "=="):
        env["gaps"] += [abs(a - b) for a, b in pairwise(v)]
    return MEANING[form[0]](v)


def all_assertions_hold(text, values):
    """Return whether all assertions hold, and the smallest difference of two compared terms."""
    env = {name: Fraction(v) for name, v in values.items()} | {"gaps": [Fraction(10**9)]}
    held = [evaluate(form[1], env) for form in forms(text) if form[0] == "assert"]
    return all(held), min(env["gaps"])


class Writer:
    """Writer of random conditions; its fields hold the differences between the versions.

    Args:
        seed: Seed of the random choices.
        names: Names of the variables.
        number: Function from a `random.Random` to a literal.
        full: Whether to use the connectives and chains that only version 1.0 has.
    """

    def __init__(self, seed, names, number, full=True):
        self.r = random.Random(seed)
        self.names, self.number, self.full = names, number, full

    def constant(self):
        """Write a literal, perhaps inside an operator."""
        literal = self.number(self.r)
        return f"(- {literal})" if self.r.random() < 0.15 else literal

    def term(self, depth):
        """Write a linear term."""
        if depth == 0 or self.r.random() < 0.4:
            return self.r.choice(self.names) if self.r.random() < 0.6 else self.constant()
        parts = [self.term(depth - 1) for _ in range(self.r.randint(1, 3))]
        shape = self.r.choice("+-*/" if self.full else "+-*")
        if shape == "*":
            factors = [self.constant(), parts[0], self.constant()][: self.r.randint(2, 3)]
            self.r.shuffle(factors)
            return f"(* {' '.join(factors)})"
        if shape == "/":
            return f"(/ {parts[0]} {self.r.choice(['2', '-4.0', '0.5'])})"
        if shape == "+" and len(parts) == 1:
            parts *= 2
        return f"({shape} {' '.join(parts)})"

    def condition(self, depth):
        """Write a condition."""
        if depth == 0 or self.r.random() < 0.25:
            if self.full and self.r.random() < 0.05:
                return self.r.choice(["true", "false"])
            n = self.r.choice([2, 2, 2, 3]) if self.full else 2
            parts = [self.term(2) for _ in range(n)]
            signs = ["<=", ">=", "<", ">", "="] if self.full else ["<=", ">=", "<", ">", "==", "!="]
            return f"({self.r.choice(signs)} {' '.join(parts)})"
        shape = self.r.choice("and or not => let".split() if self.full else ["and", "or"])
        if shape == "let":
            # Bound names occasionally hide variables.
            name = self.r.choice(["t", "u", self.names[0]])
            first, second = self.term(1), self.term(1)
            self.names.append(name)
            body = self.condition(depth - 1)
            self.names.pop()
            return f"(let (({name} {first}) (w {second}))\n{body})"
        parts = [self.condition(depth - 1) for _ in range(self.r.randint(2, 3))]
        parts = parts[:1] if shape == "not" else parts
        return f"({shape} " + self.r.choice([" ", "\n", " ; (and\n"]).join(parts) + ")"


def first_version(seed, inputs, outputs, number):
    """Write a random file of version 1.0, with its declarations in any order."""
    names = [f"X_{i}" for i in range(inputs)] + [f"Y_{j}" for j in range(outputs)]
    writer = Writer(seed, list(names), number)
    writer.r.shuffle(names)
    lines = [
        f"(declare-const {n} Real)" if writer.r.random() < 0.7 else f"(declare-fun {n} () Real)"
        for n in names
    ]
    lines += [f"(assert {writer.condition(3)})" for _ in range(writer.r.randint(1, 3))]
    return "; a random property\n(set-logic QF_LRA)\n" + "\n".join(lines) + "\n(check-sat)\n"
