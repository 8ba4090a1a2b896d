"""How far a number of optimizer steps can move a weight, whatever the gradients are.

Let `g_1, g_2, ...` be the gradients of one weight, any numbers at all. Every bound below is on the
sum of the absolute steps, so it holds after each of them, for every loss, data, order of rows and
sample weights; clipping and penalties only change the `g_i`.

*Adam, AdamW* (`amsgrad` only makes the denominator larger). With `m_t = (1-b) sum b^(t-i) g_i` and
`v_t = (1-c) sum c^(t-i) g_i^2`, Cauchy and Schwarz give `|m_t| <= R_t sqrt(v_t)`,

    R_t^2 = (b^2 / c) R_(t-1)^2 + (1-b)^2 / (1-c),    R_0 = 0,

so step `t` is at most `rate_t sqrt(1 - c^t) / (1 - b^t) R_t`. Gradients that grow by `c / b` at
each step attain all of these at once: the sum is the supremum.

*Nadam*: the same inequality with the weights that it gives `m_t` and `g_t`. *Adamax*: `u_t >=
c^(t-i) |g_i|`, so `|m_t| <= (1-b) sum (b/c)^(t-i) u_t`. *Lion*: a sign.

*RMSprop, Adagrad*: with `V_t` the square of the denominator, `|g_t| / sqrt(V_t) = x_t`, `x_t^2 <=
(1 - r / q_t) / (1 - r)` where `q_t = V_t / V_(t-1)` and `r` is the decay (for Adagrad `1 - 1 /
q_t`). What `V` can grow to in all is limited: by float32 above and epsilon below. `sqrt(1 - r
exp(-s))` is concave in `s = log q`, so equal `q_t` are the worst (Jensen). *Adam* again: its steps
are an average of such `x_i`, which is the better bound over many steps.

*SGD*: only with clipping, which bounds every entry of the gradient; a momentum `mu` multiplies the
sum by at most `1 / (1 - mu)`.

*Weight decay* multiplies by `1 - rate * decay` before a step, toward 0.

An optimizer that has taken steps goes on with their moments, which are sums over all its gradients:
the bounds of its later steps hold as well, if it started from zeros with the same numbers. Its
count may have been set since: the sums are over any number of gradients (`R` at its limit). A
momentum or Nadam's product that is kept from then is not described.

*Float32.* An operation is off by `u = 2^-24` relative to its result: the coefficients that decay
are enlarged by `ROUNDINGS u` and those of the denominators lowered by as much. Products below the
least normal number are lost; `epsilon` outweighs that (`_underflow`). `1 - c^t` is taken to be off
by `POWER`. Storing a weight rounds it once a step. Weights that become NaN or infinite are left out
of the claim.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...program import Stepping


HALF_ULP = 2.0**-24
"""What one operation of float32 is off by, relative to its result."""

ROUNDINGS = 16
"""More operations than any of these optimizers has between two states."""

POWER = 2.0**-19
"""What a power of a decay may be off by beside the decay's own rounding: 32 units near 1."""

LARGEST, LEAST = 3.5e38, 2.0**-126
"""Above every finite float32; and below it one loses digits, or is 0."""


@dataclass(frozen=True)
class Reach:
    """Where a weight `w` can be after any number of steps up to `steps`.

    Between the least and the largest of `w` and `shrunk * w`, and `far` beyond; `stored` of the
    weight's size is for the rounding of its storage.
    """

    steps: int
    far: float
    shrunk: float
    stored: float

    def box(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ends of every entry, float64."""
        w = np.asarray(weight, np.float64)
        less = w * self.shrunk
        size = np.abs(w) + self.far
        out = (self.far + self.stored * size) * (1.0 + 1e-12)
        return np.minimum(w, less) - out, np.maximum(w, less) + out


@dataclass(frozen=True)
class _Settings:
    """Rates of the steps, the optimizer's numbers, and how many steps it has taken."""

    rates: np.ndarray
    options: Mapping[str, Any]
    taken: int

    @property
    def numbers(self) -> np.ndarray:
        """Of the steps, the first ever taken being 1."""
        return self.taken + np.arange(1, len(self.rates) + 1)

    @property
    def used(self) -> str:
        return f"the optimizer has already taken {self.taken:,} steps"

    def number(self, name: str, default: float = 0.0) -> float:
        value = self.options.get(name)
        return default if value is None else float(value)


def reach_of(stepping: Stepping, steps: int) -> Reach | str:
    """How far `steps` more steps can move any weight, or why that is not known.

    Sound: for float32 weights, as above; where training ends in finite numbers. Complete: the
    bounds of Adam, Adamax and Lion are attained by some gradients, up to rounding.
    Cost: `O(steps)`.
    """
    if stepping.refusal:
        return stepping.refusal
    rule = RULES.get(stepping.kind)
    if rule is None:
        return f"nothing bounds a step of {stepping.kind} here"
    for name in ("use_ema", "gradient_accumulation_steps"):
        if stepping.options.get(name):
            return f"`{name}` is not described"
    rates = stepping.rates(steps)
    if rates is None:
        return "the learning rates are not known beforehand"
    if not np.isfinite(rates).all() or (rates < 0).any():
        return "a learning rate is negative or not finite"
    given = _Settings(rates * (1.0 + 2.0 * HALF_ULP), stepping.options, stepping.taken)
    kept = given.number("momentum") > 0 or stepping.kind == "Nadam"
    if stepping.taken and kept:
        return given.used
    found = rule(given)
    if isinstance(found, str):
        return found
    decay = given.number("weight_decay")
    factors = 1.0 - given.rates * decay
    if decay < 0 or (factors < 0).any():
        return "the weight decay is negative, or more than the whole weight in a step"
    # What is left of the arithmetic of a step, after its moments.
    far = found * (1.0 + ROUNDINGS * HALF_ULP)
    return Reach(steps, far, float(np.prod(factors)), (2.0 + (decay > 0)) * HALF_ULP * steps)


def _moments(b: float, c: float) -> tuple[float, float, float, float] | None:
    """`b`, `1 - b` enlarged and `c`, `1 - c` lowered by float32's roundings; None if too near 1."""
    off, most = ROUNDINGS * HALF_ULP, 1.0 - 2.0 * POWER
    if not (0 <= b <= most and 0.01 <= c <= most):
        return None
    return b + off, (1 - b) * (1 + off), c - off, (1 - c) * (1 - off)


def _below(decay: float) -> float:
    """At most what float32 makes of a decay."""
    return decay * (1.0 - 2.0 * HALF_ULP)


def _above(decay: float) -> float:
    """At least what float32 makes of a decay."""
    return decay * (1.0 + 2.0 * HALF_ULP)


def _underflow(given: _Settings) -> str:
    """Why products that are too small for a float32 could matter, or `""`.

    They lower `v` by less than 4 `LEAST` a step, so `sqrt(v)` by less than the root of all of it:
    less than `epsilon`. To `m` they add so little that 1e-9 of the bound pays for it.
    """
    lost = 8.0 * (given.taken + len(given.rates)) * LEAST
    tiny = given.number("epsilon") < max(1e-12, np.sqrt(lost))
    return "its epsilon is below 1e-12" if tiny else ""


def _adam(given: _Settings) -> float | str:
    b, c = given.number("beta_1"), given.number("beta_2")
    wide, tiny = _moments(b, c), _underflow(given)
    if wide is None or tiny:
        return tiny or "its betas are not described"
    t = given.numbers
    ratio = _ratios(wide, len(t))
    again = wide[0] ** 2 / wide[2]
    if given.taken and again >= 1:
        return given.used
    if given.taken:
        ratio = np.full(len(t), wide[1] / np.sqrt(wide[3] * (1.0 - again)) * (1.0 + 1e-9))
    with np.errstate(under="ignore"):
        most = np.sqrt(np.minimum(1.0 - _below(c) ** t + POWER, 1.0))
        sure = 1.0 - _above(b) ** t - POWER
    if (sure <= 0).any():
        return "its betas are not described"
    factors = given.rates * most / sure
    attained = float((factors * ratio).sum())
    steady = 1.0 - wide[0] / np.sqrt(wide[2])
    if steady <= 0 or given.taken:  # past gradients are in the average as well
        return attained
    grown = _grown(len(t), LARGEST, given.number("epsilon") ** 2, wide[2], wide[3])
    return min(attained, float(factors.max()) * wide[1] / steady * grown)


def _ratios(wide: tuple[float, float, float, float], count: int) -> np.ndarray:
    """`R_t` for `t = 1 .. count`."""
    b, rest, c, share = wide
    again, fresh = b * b / c, rest * rest / share
    found, squared = np.empty(count), 0.0
    for i in range(count):
        squared = again * squared + fresh
        found[i] = squared
    return np.sqrt(found) * (1.0 + 1e-9)


def _grown(count: int, most: float, least: float, decay: float, share: float) -> float:
    """The largest sum of `x_t` as the squared denominators grow from `least` to `most` at most."""
    rate = float(np.log(most / least)) / count
    off = ROUNDINGS * HALF_ULP
    return count * float(np.sqrt((1.0 + off - decay * np.exp(-rate)) / share)) * (1.0 + 1e-9)


def _nadam(given: _Settings) -> float | str:
    b, c = given.number("beta_1"), given.number("beta_2")
    wide, tiny = _moments(b, c), _underflow(given)
    if wide is None or tiny:
        return tiny or "its betas are not described"
    count = len(given.rates)
    ratio = np.concatenate([[0.0], _ratios(wide, count)])
    u = b * (1.0 - 0.5 * 0.96 ** np.arange(1, count + 2))
    product = np.cumprod(u)
    off = 1.0 + ROUNDINGS * HALF_ULP
    t = np.arange(1, count + 1)
    of_mean = u[1:] / (1.0 - product[1:] - POWER) * off
    of_last = (1.0 - u[:-1] + POWER) / (1.0 - product[:-1] - POWER) * off
    own = of_mean * wide[1] + of_last
    past = of_mean * wide[0] * ratio[:-1] / np.sqrt(wide[2])
    most = np.sqrt(np.minimum(1.0 - _below(c) ** t + POWER, 1.0))
    return float((given.rates * most * np.sqrt(own**2 / wide[3] + past**2)).sum())


def _adamax(given: _Settings) -> float | str:
    b, c = given.number("beta_1"), given.number("beta_2")
    wide, tiny = _moments(b, c), _underflow(given)
    if wide is None or tiny or b >= c:
        return tiny or "its betas are not described"
    t = given.numbers
    sure = 1.0 - _above(b) ** t - POWER
    if (sure <= 0).any():
        return "its betas are not described"
    r = wide[0] / wide[2]
    if given.taken and r >= 1:
        return given.used
    past = 0.0 if given.taken else r ** t.astype(float)
    sums = t.astype(float) if r >= 1 else (1.0 - past) / (1.0 - r) * (1.0 + 1e-9)
    return float((given.rates * wide[1] * sums / sure).sum())


def _lion(given: _Settings) -> float | str:
    return float(given.rates.sum())


def _rmsprop(given: _Settings) -> float | str:
    rho, mu = given.number("rho"), given.number("momentum")
    wide = _moments(0.0, rho)
    if wide is None or given.options.get("centered") or not 0 <= mu < 1:
        return "`centered`, or its rho or momentum, is not described"
    least = given.number("epsilon")
    if least < 1e-12:
        return "its epsilon is below 1e-12"
    _, _, decay, share = wide
    each = float(given.rates.sum()) * float(np.sqrt((1.0 + 1e-6) / share))
    grown = float(given.rates.max(initial=0.0)) * _grown(
        len(given.rates), LARGEST, least, decay, share
    )
    return min(each, grown) * _carried(mu)


def _adagrad(given: _Settings) -> float | str:
    least = given.number("initial_accumulator_value") + given.number("epsilon")
    if least < 1e-12:
        return "its accumulator starts at 0"
    each = float(given.rates.sum())
    grown = float(given.rates.max(initial=0.0)) * _grown(
        len(given.rates), LARGEST, least, 1.0 - ROUNDINGS * HALF_ULP, 1.0
    )
    return min(each, grown) * (1.0 + 1e-6)


def _sgd(given: _Settings) -> float | str:
    limits = [given.number(name) for name in ("clipnorm", "clipvalue", "global_clipnorm")]
    limits = [limit for limit in limits if limit > 0]
    mu = given.number("momentum")
    if not limits or not 0 <= mu < 1:
        return "the gradients of SGD are not clipped"
    return float(given.rates.sum()) * min(limits) * (1.0 + 1e-2) * _carried(mu)


def _carried(momentum: float) -> float:
    """What a momentum makes of a sum of steps, Nesterov's included."""
    return 1.0 if momentum == 0 else (1.0 + 1e-5) / (1.0 - momentum)


RULES: dict[str, Callable[[_Settings], float | str]] = {
    "Adam": _adam, "AdamW": _adam, "Nadam": _nadam, "Adamax": _adamax, "Lion": _lion,
    "RMSprop": _rmsprop, "Adagrad": _adagrad, "SGD": _sgd,
}  # fmt: skip
