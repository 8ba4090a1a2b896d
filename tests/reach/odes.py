"""Ten differential equations: for NumPy and balls as functions, for CAPD as formulas.

All constants are float64 numbers of few bits, so that all implementations use the same.
"""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Ode:
    """An initial value problem.

    Args:
        function: Right side, called with `(m, x, u, t, w)`, where `m` holds sin, cos and exp.
        formula: The right side in CAPD's syntax.
        lo: Lower ends of the box of initial states.
        hi: Upper ends of the box of initial states.
        steps: Number of steps of `dt`.
        dt: A power of two.
    """

    function: object
    formula: str
    lo: tuple
    hi: tuple
    steps: int
    dt: Fraction = Fraction(1, 8)


def vanderpol(m, x, u, t, w):
    return [x[1], (1.0 - x[0] * x[0]) * x[1] - x[0]]


def lorenz(m, x, u, t, w):
    return [
        10.0 * (x[1] - x[0]), x[0] * (28.0 - x[2]) - x[1], x[0] * x[1] - 2.625 * x[2],
    ]  # fmt: skip


def predators(m, x, u, t, w):
    return [1.5 * x[0] - x[0] * x[1], x[0] * x[1] - 3.0 * x[1]]


def pendulum(m, x, u, t, w):
    return [x[1], -m.sin(x[0]) - 0.25 * x[1]]


def brusselator(m, x, u, t, w):
    return [1.0 + x[0] * x[0] * x[1] - 2.5 * x[0], 1.5 * x[0] - x[0] * x[0] * x[1]]


def top(m, x, u, t, w):
    return [0.5 * x[1] * x[2], -1.0 * x[0] * x[2], 0.375 * x[0] * x[1]]


def roessler(m, x, u, t, w):
    return [-x[1] - x[2], x[0] + 0.25 * x[1], 0.25 + x[2] * (x[0] - 5.5)]


def duffing(m, x, u, t, w):
    return [x[1], x[0] - x[0] * x[0] * x[0] - 0.25 * x[1] + 0.375 * m.cos(t)]


def saturating(m, x, u, t, w):
    return [x[1] / (1.0 + x[0] * x[0]), -x[0] / (1.0 + x[1] * x[1])]


def reaction(m, x, u, t, w):
    return [m.exp(-x[1]) - x[0] * x[1], x[0] * m.cos(x[1]) - 0.5 * x[1]]


ODES = {
    "van der Pol": Ode(
        vanderpol, "var:x,y;fun:y,(1-x*x)*y-x;", (1.25, 2.25), (1.5, 2.375), 16
    ),
    "Lorenz": Ode(
        lorenz, "var:x,y,z;fun:10*(y-x),x*(28-z)-y,x*y-2.625*z;",
        (1.0, 1.0, 20.0), (1.0625, 1.0625, 20.0625), 16, Fraction(1, 32),
    ),
    "predators": Ode(
        predators, "var:x,y;fun:1.5*x-x*y,x*y-3*y;", (4.75, 1.0), (5.0, 1.125), 16
    ),
    "pendulum": Ode(
        pendulum, "var:x,y;fun:y,-sin(x)-0.25*y;", (1.0, -0.125), (1.25, 0.125), 16
    ),
    "Brusselator": Ode(
        brusselator, "var:x,y;fun:1+x*x*y-2.5*x,1.5*x-x*x*y;", (0.875, 0.0), (1.0, 0.125), 16
    ),
    "top": Ode(
        top, "var:x,y,z;fun:0.5*y*z,-x*z,0.375*x*y;", (0.5, 1.0, 0.75), (0.625, 1.125, 0.875), 12
    ),
    "Roessler": Ode(
        roessler, "var:x,y,z;fun:-y-z,x+0.25*y,0.25+z*(x-5.5);",
        (0.0, -5.0, 0.0), (0.125, -4.875, 0.0625), 16,
    ),
    "Duffing": Ode(
        duffing, "time:t;var:x,y;fun:y,x-x*x*x-0.25*y+0.375*cos(t);",
        (0.5, 0.0), (0.625, 0.125), 16,
    ),
    "saturating": Ode(
        saturating, "var:x,y;fun:y/(1+x*x),-x/(1+y*y);", (0.75, 0.5), (1.0, 0.75), 12
    ),
    "reaction": Ode(
        reaction, "var:x,y;fun:exp(-y)-x*y,x*cos(y)-0.5*y;", (0.5, 0.0), (0.75, 0.25), 16
    ),
}  # fmt: skip
