"""Lower bounds on objective rows, by second-order forms of the products in each row.

After back-substitution, a row is a linear form plus a quadratic form `d Q d`, which is the sum of
the remainders of its products (see `tangents`). `QuadraticForms` computes a lower bound on their
sum, and a linear form that attains this bound.

Sound: yes. With `t` terms per sum, the float64 rounding errors in `Q` and in the minimum are at
most `gamma(t)` times the sum of absolute values, which is subtracted. Complete: no. Cost per
step: one back-substituted row, and `d^2` multiplications for each product in the row.

Reference: M. Berz, G. Hoffstaetter, *Computation and application of Taylor polynomials with
interval remainder bounds*, Reliable Computing 4 (1998), for expansions about a center.
"""

from dataclasses import dataclass, field

import numpy as np

from ....core import gamma
from ....domains.backward import BoxBatch, LinearForm
from ...engines.alpha_crown import AlphaAscent, Relaxations
from ...engines.relaxed_values import Chosen, Record
from .quadratic_forms import QuadraticForms
from .tangents import Bend, Tangent


@dataclass(eq=False)
class QuadraticAscent(AlphaAscent):
    """An `AlphaAscent` that relaxes products by tangent planes and second-order remainders.

    Like `AlphaAscent`, it improves a lower bound for each of `P` pairs of a box and an objective.
    `AlphaAscent` encloses a product between two planes. Here, a product is its tangent plane at the
    center of the box, plus a remainder. The remainders of all products in a row add up to one
    quadratic form of the inputs. Smooth curves are treated in the same way.

    Args:
        tangents: Tangents of every product and of some curves; `net` contains their planes.
        forms: Second-order forms of the best bounds.
        lost: `(P, d)` slack that errors of factors cause in the best bounds, per input.
        blame: `(P, d)` slack that products and tangents of curves cause in the best bounds, per
            input; it includes `lost`.
    """

    tangents: dict[int, Tangent | Bend] = field(kw_only=True)
    forms: QuadraticForms = field(init=False)
    lost: np.ndarray = field(init=False)
    blame: np.ndarray = field(init=False)
    _now: tuple[QuadraticForms, np.ndarray, np.ndarray] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        shape = self.form_rows.shape
        cells = self.sweep.cells.take(self.box)
        self.forms = QuadraticForms.nothing(cells, self.sweep.radii)
        self.lost, self.blame = np.zeros(shape), np.zeros(shape)

    def blame_of_products(self) -> np.ndarray:
        return self.blame

    def _concretize(
        self, cells: BoxBatch, form: LinearForm, record: Record, active: np.ndarray
    ) -> tuple[np.ndarray, LinearForm, np.ndarray]:
        with np.errstate(all="ignore"):
            total, left, lost = self._remainder(record, self.box[active], cells.reach)
            constant = form.constant[:, 0] - left
            forms = QuadraticForms(cells, form.rows[:, 0], constant, total, self.sweep.radii)
            least, out, at = forms.least()
            self._now = forms, lost, forms.tangents().blame
        return least, out, at

    def _lines_at(self, chosen: Chosen) -> Chosen:
        return {v: p for v, p in chosen.items() if not isinstance(self.tangents.get(v), Tangent)}

    def _free(
        self, lines: Relaxations, record: Record, active: np.ndarray
    ) -> dict[int, np.ndarray]:
        free = super()._free(lines, record, active)
        # Tangents of a curve have no gain: the free lines are those that were kept.
        return {v: m for v, m in free.items() if not isinstance(self.tangents.get(v), Tangent)}

    def _keep(
        self,
        active: np.ndarray,
        least: np.ndarray,
        form: LinearForm,
        record: Record,
        chosen: Chosen,
    ) -> None:
        better = least > self.least[active]
        forms, lost, blame = self._now
        self.forms.adopt(active[better], forms, better)
        self.lost[active[better]] = lost[better]
        self.blame[active[better]] = blame[better] + lost[better]
        super()._keep(active, least, form, record, chosen)

    def _remainder(
        self, record: Record, box: np.ndarray, reach: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the difference between products or curves and their tangents, summed per row.

        The first result contains quadratic forms `(P, d, d)` in units of the radii. The second
        contains losses `(P,)`, which bound the part of the differences that the forms omit. The
        third contains the part of the losses that each input causes, `(P, d)`.
        """
        pairs, d = reach.shape
        total, left = np.zeros((pairs, d, d)), np.zeros(pairs)
        blame = np.zeros((pairs, d))
        noise = gamma(2 * d * d + 64) if self.sweep.radii else 0.0
        for v, tangent in self.tangents.items():
            if v not in record:
                continue
            a = record[v]
            if isinstance(tangent, Bend):
                a, deviation = a * tangent.mean[box], np.abs(a) * tangent.spread[box]
                first = second = tangent.form
            else:
                deviation, first, second = 0.0, tangent.left, tangent.right
            ru, rv = first.reach[box], second.reach[box]
            eu, ev = first.error[box], second.error[box]
            lu, lv = first.rows[box] * reach[:, None], second.rows[box] * reach[:, None]
            total += np.matmul((a[:, :, None] * lu).transpose(0, 2, 1), lv)
            size = np.abs(a)
            lost = size * (ru * ev + rv * eu + eu * ev) + deviation * (ru + eu) * (rv + ev)
            terms = noise + (gamma(2 * a.shape[1]) if self.sweep.radii else 0.0)
            paid = lost + terms * (lost + size * (ru * rv + ru * ev + rv * eu + eu * ev))
            unused = (size == 0) & (np.asarray(deviation) == 0)
            left += np.where(unused, 0.0, paid).sum(axis=1) * (1.0 + terms)
            share = np.abs(lu) / (ru[..., None] + 1e-300) + np.abs(lv) / (rv[..., None] + 1e-300)
            blame += 0.5 * np.einsum("pn,pni->pi", np.where(unused, 0.0, lost), share)
        return 0.5 * total + 0.5 * total.transpose(0, 2, 1), left, blame
