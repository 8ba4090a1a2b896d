"""The callback `outrange.callbacks.Prove`, which trains a model until a property is proved."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import InputError
from ...frontends.keras.api import keras
from ...train.arguments import finite_number, positive_integer
from ...train.certified.certified import Certified
from ..properties import verify


if TYPE_CHECKING:
    from ...answers.verdict import Verdict


class Prove(keras().callbacks.Callback):
    """Verifies a property during `fit`, and stops the training when it holds.

    Every `every` epochs, and after the last one, the callback calls `outrange.verify` on the model.
    If the property holds, it stops the training and writes the certificate. It passes a
    counterexample to every `PropertyLoss` of an `outrange.training.Certified` model, which then
    trains on it. The verdict is about the weights at that time: put `Prove` after callbacks
    that change weights, and do not restore earlier weights afterwards. A later `fit` invalidates
    the proof. Dropout and batch normalization are verified in inference mode.

    The callback adds `prove/holds` to `logs`: 1 if the property was proved after this epoch, 0 if
    it was violated, NaN if the verdict is `UNKNOWN` or the epoch was skipped.

    Args:
        property: The property to prove, as for `outrange.verify`.
        box: The input set, as for `outrange.verify`.
        every: Number of epochs from one verification to the next.
        time_limit: Limit in seconds for each verification; None for no limit.
        budget: Limit in units of counted work instead of seconds, as for `outrange.verify`.
        certificate: File for the certificate, as for `outrange.verify`.
        stop: Whether to stop the training when the property holds.

    Raises:
        InputError: An argument is invalid. The first verification raises it if the property does
            not fit the model.

    Attributes:
        verdict: The latest verdict; None before the first one.
        counterexamples: The counterexamples so far, a list of flat inputs.

    Example:
        >>> import outrange
        >>> from outrange.training import Certified, PropertyLoss
        >>> keras().utils.set_random_seed(0)
        >>> x = np.linspace(-1, 1, 64)[:, None]
        >>> model = keras().Sequential([keras().Input((1,)), keras().layers.Dense(8, "relu"),
        ...                             keras().layers.Dense(1)])
        >>> trained = Certified(model, PropertyLoss("y[0] <= 1", (-1, 1), weight=10, margin=0.1))
        >>> trained.compile(keras().optimizers.Adam(0.02), "mse")
        >>> prove = Prove("y[0] <= 1", (-1, 1), budget=2)
        >>> history = trained.fit(x, 2 * x, epochs=200, verbose=0, callbacks=[prove])
        >>> prove.verdict, history.history["prove/holds"][-1]
        (Verdict(HOLDS, 'y[0] <= 1'), 1.0)

    Sound: as for `outrange.verify`, for the weights with which training stopped.
    Complete: no; training may end before the property holds.
    Cost: one call of `outrange.verify` per `every` epochs, and one after the last epoch.
    """

    def __init__(
        self,
        property: Any,
        box: Any,
        *,
        every: int = 1,
        time_limit: float | None = 5.0,
        budget: float | None = None,
        certificate: str | os.PathLike | None = None,
        stop: bool = True,
    ) -> None:
        super().__init__()
        self.property, self.box, self.stop = property, box, bool(stop)
        self.every = positive_integer(every, "every", "Prove")
        self.certificate, self.budget = certificate, budget
        self.time_limit = time_limit if budget is None else None
        if self.time_limit is not None and finite_number(time_limit, "time_limit", "Prove") <= 0:
            raise InputError(
                f"Prove: `time_limit` must be positive. Received: time_limit={time_limit!r}."
            )
        self.verdict: Verdict | None = None
        self.counterexamples: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Verify the property, and write `prove/holds` to `logs`."""
        holds = np.nan
        last = epoch + 1 >= ((self.params or {}).get("epochs") or 0)
        if (epoch + 1) % self.every == 0 or last or self.model.stop_training:
            holds = self.check()
        if logs is not None:
            logs["prove/holds"] = holds

    def check(self) -> float:
        """Verify the property for the current weights; return 1, 0 or NaN, as in `logs`."""
        model = self.model.model if isinstance(self.model, Certified) else self.model
        self.verdict = verify(
            model, self.property, self.box, time_limit=self.time_limit, budget=self.budget,
            certificate=self.certificate, progress=False,
        )  # fmt: skip
        if self.verdict.status == "HOLDS":
            if self.stop:
                self.model.stop_training = True
            return 1.0
        if self.verdict.counterexample is None:
            return np.nan
        at = np.asarray(self.verdict.counterexample.flat_x)
        self.counterexamples.append(at)
        for part in self.model.properties if isinstance(self.model, Certified) else ():
            part.learn(at)
        return 0.0
