"""Bounds on how far a number of optimizer steps can move a weight, for any gradients.

Let `g_1, g_2, ...` be the gradients of one weight. They may be arbitrary numbers. Every bound below
limits the sum of the absolute steps, so it holds after each step, for every loss, data set, row
order and sample weighting. Clipping and penalties only change the `g_i`.

*Adam, AdamW* (`amsgrad` only enlarges the denominator). With `m_t = (1-b) sum b^(t-i) g_i` and
`v_t = (1-c) sum c^(t-i) g_i^2`, Cauchy-Schwarz gives `|m_t| <= R_t sqrt(v_t)`,

    R_t^2 = (b^2 / c) R_(t-1)^2 + (1-b)^2 / (1-c),    R_0 = 0,

so step `t` is at most `rate_t sqrt(1 - c^t) / (1 - b^t) R_t`. Gradients that grow by the factor
`c / b` at each step attain all of these bounds simultaneously, so the bounds add up to the
supremum.

*Nadam*: the same inequality with Nadam's weights of `m_t` and `g_t`. *Adamax*: `u_t >= c^(t-i)
|g_i|`, so `|m_t| <= (1-b) sum (b/c)^(t-i) u_t`. *Lion*: each step is a sign times the rate.

*RMSprop, Adagrad*: with `V_t` the square of the denominator, `|g_t| / sqrt(V_t) = x_t`, `x_t^2 <=
(1 - r / q_t) / (1 - r)` where `q_t = V_t / V_(t-1)` and `r` is the decay (for Adagrad `1 - 1 /
q_t`). The total growth of `V` is limited by the float32 range above and epsilon below. `sqrt(1 - r
exp(-s))` is concave in `s = log q`, so equal `q_t` are the worst case (Jensen). The steps of *Adam*
are averages of such `x_i`, which gives a better bound than the one above over many steps.

*SGD* has a bound only with clipping, which limits every entry of the gradient. A momentum `mu`
multiplies the sum by at most `1 / (1 - mu)`.

*Weight decay* multiplies the weight by `1 - rate * decay` before a step, which moves it toward 0.

An optimizer that has already taken steps continues with its moments, which are sums over all its
past gradients. The bounds of its later steps hold if it started from zeros with the same settings.
Since its step count may have been reset, the sums may contain any number of gradients. The bounds
therefore use the limit of `R_t`. States with a stored momentum or Nadam product are not supported.

*Float32.* Each operation has a relative error of at most `u = 2^-24`. The decay coefficients of the
numerators are raised by `ROUNDINGS u`, and those of the denominators are lowered by the same
amount. Products below the least normal number are lost, which `epsilon` outweighs (`_underflow`).
The error of `1 - c^t` is assumed to be at most `POWER`. Storing a weight rounds it once per step.
The claim excludes weights that become NaN or infinite.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...program import Stepping


MOST_STEPS = 10_000_000
"""Largest number of steps for which a bound is computed. Memory must hold a few numbers per
step."""

HALF_ULP = 2.0**-24
"""Bound on the relative error of one float32 operation."""

ROUNDINGS = 16
"""An upper bound on the number of rounded operations in one step of any of these optimizers."""

POWER = 2.0**-19
"""Bound on the absolute error of computing a power of a decay: 32 ulps near 1.

The rounding of the decay itself is not included.
"""

LARGEST, LEAST = 3.5e38, 2.0**-126
"""A bound above every finite float32, and the least normal float32."""


@dataclass(frozen=True)
class Reach:
    """The range of a weight `w` after any number of steps up to `steps`.

    Args:
        steps: The maximum number of steps.
        far: Bound on the distance of the weight from the interval between `w` and `shrunk * w`,
            apart from the rounding errors in `stored`.
        shrunk: The factor by which weight decay alone multiplies `w` in `steps` steps.
        stored: Bound on the total relative rounding error of storing the weight after each step.
    """

    steps: int
    far: float
    shrunk: float
    stored: float

    def box(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return lower and upper bounds, in float64, of every entry of a weight array.

        Args:
            weight: The entries before the first step.
        """
        w = np.asarray(weight, np.float64)
        less = w * self.shrunk
        size = np.abs(w) + self.far
        out = (self.far + self.stored * size) * (1.0 + 1e-12)
        return np.minimum(w, less) - out, np.maximum(w, less) + out


@dataclass(frozen=True)
class _Settings:
    """Learning rates of the coming steps, the optimizer's options, and the number of past steps."""

    rates: np.ndarray
    options: Mapping[str, Any]
    taken: int

    @property
    def numbers(self) -> np.ndarray:
        """The indices of the coming steps; the optimizer's very first step has the index 1."""
        return self.taken + np.arange(1, len(self.rates) + 1)

    @property
    def used(self) -> str:
        return f"the optimizer has already taken {self.taken:,} steps"

    def number(self, name: str, default: float = 0.0) -> float:
        value = self.options.get(name)
        return default if value is None else float(value)


def reach_of(stepping: Stepping, steps: int) -> Reach | str:
    """Bound how far `steps` more steps can move any weight, or return why there is no bound.

    Sound: for float32 weights, as derived in the module's docstring, if all weights stay finite.
    Complete: for new Adamax and Lion optimizers, and for a new Adam over few steps; some gradients
    then attain the bound, up to rounding. Cost: `O(steps)`.
    """
    if stepping.refusal:
        return stepping.refusal
    rule = RULES.get(stepping.kind)
    if rule is None:
        return f"no bound on the steps of {stepping.kind} is known"
    for name in ("use_ema", "gradient_accumulation_steps"):
        if stepping.options.get(name):
            return f"`{name}` is not supported"
    if steps > MOST_STEPS:
        return f"plans of more than {MOST_STEPS:,} steps are not supported"
    rates = stepping.rates(steps)
    if rates is None:
        return "the learning rates are not known in advance"
    if not np.isfinite(rates).all() or (rates < 0).any():
        return "a learning rate is negative or not finite"
    settings = _Settings(rates * (1.0 + 2.0 * HALF_ULP), stepping.options, stepping.taken)
    has_memory = settings.number("momentum") > 0 or stepping.kind == "Nadam"
    if stepping.taken and has_memory:
        return settings.used
    far = rule(settings)
    if isinstance(far, str):
        return far
    decay = settings.number("weight_decay")
    factors = 1.0 - settings.rates * decay
    if decay < 0 or (factors < 0).any():
        return "the weight decay is negative, or removes more than the whole weight in one step"
    # The rounding of the remaining arithmetic of a step, after its moments.
    far = far * (1.0 + ROUNDINGS * HALF_ULP)
    return Reach(steps, far, float(np.prod(factors)), (2.0 + (decay > 0)) * HALF_ULP * steps)


def _moments(b: float, c: float) -> tuple[float, float, float, float] | None:
    """Return upper bounds on `b` and `1 - b`, and lower bounds on `c` and `1 - c`, as floats.

    `b` and `c` are the decay coefficients of the first and the second moment.

    The bounds cover the rounding errors of one step. Returns None if `b < 0`, if `c < 0.01`, or if
    `b` or `c` exceeds `1 - 2 POWER`.
    """
    off, most = ROUNDINGS * HALF_ULP, 1.0 - 2.0 * POWER
    if not (0 <= b <= most and 0.01 <= c <= most):
        return None
    return b + off, (1 - b) * (1 + off), c - off, (1 - c) * (1 - off)


def _below(decay: float) -> float:
    """Return a lower bound on the float32 number to which a decay is rounded."""
    return decay * (1.0 - 2.0 * HALF_ULP)


def _above(decay: float) -> float:
    """Return an upper bound on the float32 number to which a decay is rounded."""
    return decay * (1.0 + 2.0 * HALF_ULP)


def _underflow(settings: _Settings) -> str:
    """Return why products that underflow in float32 could matter; `""` if they cannot.

    Underflow lowers `v` by less than `4 LEAST` per step, and thus `sqrt(v)` by less than the root
    of the sum over all steps, which is below `epsilon`. The effect on `m` is covered by the
    relative margin of 1e-9 in the bound.
    """
    lost = 8.0 * (settings.taken + len(settings.rates)) * LEAST
    tiny = settings.number("epsilon") < max(1e-12, np.sqrt(lost))
    return "the epsilon of the optimizer is below 1e-12" if tiny else ""


def _adam(settings: _Settings) -> float | str:
    b, c = settings.number("beta_1"), settings.number("beta_2")
    wide, tiny = _moments(b, c), _underflow(settings)
    if wide is None or tiny:
        return tiny or "the betas of the optimizer are not supported"
    t = settings.numbers
    ratio = _ratios(wide, len(t))
    again = wide[0] ** 2 / wide[2]
    if settings.taken and again >= 1:
        return settings.used
    if settings.taken:
        ratio = np.full(len(t), wide[1] / np.sqrt(wide[3] * (1.0 - again)) * (1.0 + 1e-9))
    with np.errstate(under="ignore"):
        most = np.sqrt(np.minimum(1.0 - _below(c) ** t + POWER, 1.0))
        sure = 1.0 - _above(b) ** t - POWER
    if (sure <= 0).any():
        return "the betas of the optimizer are not supported"
    factors = settings.rates * most / sure
    attained = float((factors * ratio).sum())
    steady = 1.0 - wide[0] / np.sqrt(wide[2])
    if steady <= 0 or settings.taken:  # the average includes past gradients
        return attained
    grown = _growth_bound(len(t), LARGEST, settings.number("epsilon") ** 2, wide[2], wide[3])
    return min(attained, float(factors.max()) * wide[1] / steady * grown)


def _ratios(wide: tuple[float, float, float, float], count: int) -> np.ndarray:
    """Compute `R_t`, with `|m_t| <= R_t sqrt(v_t)` for Adam's moments, for `t = 1 .. count`."""
    b, rest, c, share = wide
    again, fresh = b * b / c, rest * rest / share
    squares, squared = np.empty(count), 0.0
    for i in range(count):
        squared = again * squared + fresh
        squares[i] = squared
    return np.sqrt(squares) * (1.0 + 1e-9)


def _growth_bound(count: int, most: float, least: float, decay: float, share: float) -> float:
    """Bound the sum of `x_t = |g_t| / sqrt(V_t)` over `count` steps.

    `g_t` is the gradient, and `V_t` is the squared denominator of the step. The module's docstring
    has the proof.

    Args:
        most: Upper bound on the squared denominator after the last step.
        least: Lower bound on the squared denominator before the first step.
        decay: Lower bound on the decay `r`.
        share: Lower bound on `1 - r`.
    """
    rate = float(np.log(most / least)) / count
    off = ROUNDINGS * HALF_ULP
    return count * float(np.sqrt((1.0 + off - decay * np.exp(-rate)) / share)) * (1.0 + 1e-9)


def _nadam(settings: _Settings) -> float | str:
    b, c = settings.number("beta_1"), settings.number("beta_2")
    wide, tiny = _moments(b, c), _underflow(settings)
    if wide is None or tiny:
        return tiny or "the betas of the optimizer are not supported"
    count = len(settings.rates)
    ratio = np.concatenate([[0.0], _ratios(wide, count)])
    u = b * (1.0 - 0.5 * 0.96 ** np.arange(1, count + 2))
    product = np.cumprod(u)
    off = 1.0 + ROUNDINGS * HALF_ULP
    t = np.arange(1, count + 1)
    of_mean = u[1:] / (1.0 - product[1:] - POWER) * off
    of_last = (1.0 - u[:-1] + POWER) / (1.0 - product[:-1] - POWER) * off
    fresh = of_mean * wide[1] + of_last
    past = of_mean * wide[0] * ratio[:-1] / np.sqrt(wide[2])
    most = np.sqrt(np.minimum(1.0 - _below(c) ** t + POWER, 1.0))
    return float((settings.rates * most * np.sqrt(fresh**2 / wide[3] + past**2)).sum())


def _adamax(settings: _Settings) -> float | str:
    b, c = settings.number("beta_1"), settings.number("beta_2")
    wide, tiny = _moments(b, c), _underflow(settings)
    if wide is None or tiny or b >= c:
        return tiny or "the betas of the optimizer are not supported"
    t = settings.numbers
    sure = 1.0 - _above(b) ** t - POWER
    if (sure <= 0).any():
        return "the betas of the optimizer are not supported"
    r = wide[0] / wide[2]
    if settings.taken and r >= 1:
        return settings.used
    past = 0.0 if settings.taken else r ** t.astype(float)
    sums = t.astype(float) if r >= 1 else (1.0 - past) / (1.0 - r) * (1.0 + 1e-9)
    return float((settings.rates * wide[1] * sums / sure).sum())


def _lion(settings: _Settings) -> float | str:
    return float(settings.rates.sum())


def _rmsprop(settings: _Settings) -> float | str:
    rho, mu = settings.number("rho"), settings.number("momentum")
    wide = _moments(0.0, rho)
    if wide is None or settings.options.get("centered") or not 0 <= mu < 1:
        return "the optimizer's value of `centered`, `rho` or `momentum` is not supported"
    least = settings.number("epsilon")
    if least < 1e-12:
        return "the epsilon of the optimizer is below 1e-12"
    _, _, decay, share = wide
    each = float(settings.rates.sum()) * float(np.sqrt((1.0 + 1e-6) / share))
    grown = float(settings.rates.max(initial=0.0)) * _growth_bound(
        len(settings.rates), LARGEST, least, decay, share
    )
    return min(each, grown) * _momentum_factor(mu)


def _adagrad(settings: _Settings) -> float | str:
    least = settings.number("initial_accumulator_value") + settings.number("epsilon")
    if least < 1e-12:
        return "the accumulator of the optimizer starts at 0"
    each = float(settings.rates.sum())
    grown = float(settings.rates.max(initial=0.0)) * _growth_bound(
        len(settings.rates), LARGEST, least, 1.0 - ROUNDINGS * HALF_ULP, 1.0
    )
    return min(each, grown) * (1.0 + 1e-6)


def _sgd(settings: _Settings) -> float | str:
    limits = [settings.number(name) for name in ("clipnorm", "clipvalue", "global_clipnorm")]
    limits = [limit for limit in limits if limit > 0]
    mu = settings.number("momentum")
    if not limits or not 0 <= mu < 1:
        return "the gradients of SGD are not clipped"
    return float(settings.rates.sum()) * min(limits) * (1.0 + 1e-2) * _momentum_factor(mu)


def _momentum_factor(momentum: float) -> float:
    """Bound the factor by which plain or Nesterov momentum enlarges the sum of steps."""
    return 1.0 if momentum == 0 else (1.0 + 1e-5) / (1.0 - momentum)


RULES: dict[str, Callable[[_Settings], float | str]] = {
    "Adam": _adam, "AdamW": _adam, "Nadam": _nadam, "Adamax": _adamax, "Lion": _lion,
    "RMSprop": _rmsprop, "Adagrad": _adagrad, "SGD": _sgd,
}  # fmt: skip
