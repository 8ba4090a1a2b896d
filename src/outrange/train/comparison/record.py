"""The measurements of a comparison, which can be saved, restored and turned into a `Study`."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...answers.study.study import Study
from ...answers.study.trials import Trial, combination_of
from ...core import VERSION, InputError, Provenance
from .attainable import Attainable
from .objectives import Yardstick
from .plan import Group, Options, TrainedPart


LEADERS = 5

GOAL_SHARE = 0.95
"""Position of the default goal between the metric of a constant prediction (0) and the best result
(1)."""


SAME = 1e-6
"""Difference up to which accuracies are treated as equal, because they are means in float32."""


class ComparisonRecord:
    """The measured curves of all training runs of a comparison, by group (one per activation)."""

    def __init__(
        self,
        groups: Sequence[Group],
        labels: tuple[list[str], list[str], list[str]],
        yardstick: Yardstick,
        goal: float | None,
        options: Options,
        backend: str,
        plan: dict[str, Any],
        attainable: Attainable,
        recommended: tuple[str, str],
    ) -> None:
        self.groups, self.labels, self.yardstick = list(groups), labels, yardstick
        self.goal, self.options, self.backend, self.plan = goal, options, backend, plan
        self.attainable, self.recommended = attainable, recommended
        self.losses: list[list[np.ndarray]] = [[] for _ in groups]
        self.metrics: list[list[np.ndarray]] = [[] for _ in groups]
        self.spreads: list[np.ndarray] = [np.zeros(g.lanes) for g in groups]
        self.unfinished: list[str] = []
        """Activations that no worker could train to the end."""

    @property
    def ticks(self) -> int:
        """Index of the last tick. Each tick is a point of the curves; the first is tick 0."""
        return self.options.ticks

    @property
    def first_tick(self) -> int:
        """The smallest of the groups' last measured ticks; -1 if some group has no measurement."""
        return min(self.at(g) for g in range(len(self.groups)))

    def epoch(self, tick: int) -> int:
        """Return the number of epochs that a run has completed at a tick."""
        return self.options.epoch(tick)

    def at(self, group: int) -> int:
        """Return the last measured tick of a group; -1 if nothing has been measured."""
        return len(self.losses[group]) - 1

    def note(self, group: int) -> None:
        """Measure a group in its current state and add a point to its curves."""
        losses, metrics, self.spreads[group] = self.groups[group].evaluate()
        self.losses[group].append(losses)
        self.metrics[group].append(metrics)

    def enter(self, group: int, part: TrainedPart) -> None:
        """Add the measurements of a worker to a group's curves, and adopt the resulting state."""
        trained = self.groups[group]
        before = trained.carried, self.losses[group], self.metrics[group], self.spreads[group]
        try:
            trained.restore(part.state)
            self.losses[group] = [*before[1], *part.losses]
            self.metrics[group] = [*before[2], *part.metrics]
            self.spreads[group] = part.spreads
        except BaseException:
            # After Ctrl-C in between, weights and curves must still belong together.
            trained.carried, self.losses[group], self.metrics[group], self.spreads[group] = before
            raise

    def measure_starts(self) -> None:
        """Measure tick 0 of every group that has no measurement yet."""
        for group, losses in enumerate(self.losses):
            if not losses:
                self.note(group)

    def lanes_of(self, group: int, loss: int, optimizer: int) -> list[int]:
        """Return the indices, in their group, of a combination's training runs, one per start."""
        trained = self.groups[group]
        first = (optimizer * len(trained.objectives) + loss) * len(trained.models)
        return list(range(first, first + len(trained.models)))

    def places(self) -> list[tuple[int, int, int]]:
        """Return the group, loss and optimizer index of each combination, in the study's order."""
        sizes = [range(len(part)) for part in self.labels]
        return [(a, lo, o) for a in sizes[0] for lo in sizes[1] for o in sizes[2]]

    @property
    def leaders(self) -> tuple[tuple[str, float, float, float], ...]:
        """The best combinations so far, at most `LEADERS`.

        Each entry consists of the label of the combination and the (lower) median, the least and
        the largest metric of its starts.
        """
        sign = -1.0 if self.yardstick.better == "higher" else 1.0
        ranked = []
        for a, lo, o in self.places():
            values = np.sort(self.metrics[a][-1][self.lanes_of(a, lo, o)])
            middle, least, most = (float(values[i]) for i in ((len(values) - 1) // 2, 0, -1))
            name = ", ".join((self.labels[0][a], self.labels[1][lo], self.labels[2][o]))
            order = math.inf if math.isnan(middle) else sign * middle
            ranked.append((order, len(ranked), (name, middle, least, most)))
        return tuple(leader for _, _, leader in sorted(ranked)[:LEADERS])

    # ---- as a study ---------------------------------------------------------------------------

    def target(self) -> float:
        """Return the goal: the value of the metric that a successful run reaches."""
        if self.goal is not None:
            return float(self.goal)
        last = np.concatenate([metrics[-1] for metrics in self.metrics])
        last = last[np.isfinite(last)]
        base, higher = self.yardstick.baseline, self.yardstick.better == "higher"
        best = (last.max() if higher else last.min()) if last.size else base
        bar = self.bar(float(best))
        if (best <= bar + SAME) if higher else (best >= base):
            # If nothing beats a constant prediction, or the proved bound of linear models, then no
            # training has succeeded.
            best = 1.0 if higher and base < 1.0 else 0.0
        goal = base + GOAL_SHARE * (best - base)
        return 0.5 * (bar + best) if base < bar and goal <= bar + SAME else goal

    def bar(self, best: float) -> float:
        """Return the value of the metric that a run must beat to solve the task.

        It is the metric of a constant prediction. For accuracies, it is the proved bound for models
        without a hidden layer, if this is larger and no run has an accuracy of 1.

        Args:
            best: The best metric of all training runs.
        """
        base = self.yardstick.baseline
        if self.yardstick.function is not None or self.yardstick.name != "accuracy" or best >= 1.0:
            return base
        return max(base, self.attainable.accuracy)

    def study(self, status: str, seconds: float) -> Study:
        """Return the measurements as a `Study`, without the reasons for failed runs."""
        goal, better = self.target(), self.yardstick.better
        ticks = np.array([self.epoch(t) for t in range(max(map(len, self.losses)))])
        combinations = []
        for a, lo, o in self.places():
            losses, metrics = np.array(self.losses[a]), np.array(self.metrics[a])
            trials = [
                Trial(s, int(ticks[len(losses) - 1]), losses[:, lane], metrics[:, lane])
                for s, lane in enumerate(self.lanes_of(a, lo, o))
            ]
            names = self.labels[0][a], self.labels[1][lo], self.labels[2][o]
            combinations.append(combination_of(names, trials, ticks, goal, better))
        notes = []
        if any(len(losses) <= self.ticks for losses in self.losses):
            notes.append(
                "Stopped early: training runs that missed the goal may only need more time."
            )
        if self.unfinished:
            lost = ", ".join(self.unfinished)
            notes.append(f"Not trained, because workers were lost repeatedly: {lost}.")
        if "one by one" in self.backend:
            notes.append(
                "Models were trained one by one. The JAX backend trains small models in parallel."
            )
        proof = ""
        if self.goal is None and not any(c.solved.any() for c in combinations):
            proof = self.attainable.proof if self.bar(0.0) > self.yardstick.baseline else ""
        settings = tuple((name, str(value)) for name, value in self.plan.items())
        return Study(
            combinations=tuple(combinations),
            metric=self.yardstick.name,
            better=better,
            goal=goal,
            baseline=self.yardstick.baseline,
            ticks=ticks,
            epochs=self.options.epochs,
            status=status,
            seconds=seconds,
            backend=self.backend,
            notes=tuple(notes),
            plan=self.plan,
            recommended=self.recommended,
            proof=proof,
            provenance=Provenance("compare", VERSION, arguments=settings),
        )

    # ---- files --------------------------------------------------------------------------------

    def save(self, path: Path, status: str, seconds: float, study: Study | None = None) -> None:
        """Write the study to a file.

        Unless the study is complete, also write a state file next to it, from which it is resumed.
        """
        state = state_path(path)
        if status == "complete":
            (study or self.study(status, seconds)).save(path)
            state.unlink(missing_ok=True)
            return
        part = state.with_name(state.name + ".part")
        arrays = {}
        for g, group in enumerate(self.groups):
            arrays |= {f"{g}/{i}": array for i, array in enumerate(group.state())}
            arrays[f"losses/{g}"] = np.array(self.losses[g])
            arrays[f"metrics/{g}"] = np.array(self.metrics[g])
        with part.open("wb") as out:
            np.savez(out, **arrays)
        part.replace(state)
        (study or self.study(status, seconds)).save(path)

    def matches(self, old: Study, path: Path) -> bool:
        """Return True if a saved study has the same settings as this comparison.

        Raises:
            InputError: A setting differs; the message identifies it.
        """
        for key, value in self.plan.items():
            if old.plan.get(key) != value:
                what = "" if key == "data" else f" `{key}`: {old.plan.get(key)!r}, not {value!r}"
                raise InputError(
                    "A study can be resumed only with its original settings. "
                    f"Received: `{path}`, whose {key} differs.{what} Choose another file, or "
                    "delete this one."
                )
        return True

    def restore(self, old: Study, path: Path) -> float:
        """Load the state of a saved study; return the time it has taken so far, in seconds.

        Raises:
            InputError: The state file is missing, cannot be read, or belongs to other models.
        """
        try:
            with np.load(state_path(path), allow_pickle=False) as saved:
                arrays = {name: saved[name] for name in saved.files}
            for g in range(len(self.groups)):
                # Curves and weights come from one file, so they belong together.
                self.losses[g] = list(arrays[f"losses/{g}"])
                self.metrics[g] = list(arrays[f"metrics/{g}"])
        except (OSError, ValueError, KeyError) as error:
            raise InputError(
                "To resume an unfinished study, its state file must be next to it. "
                f"Received: `{state_path(path)}`: {error} Delete the study to start again."
            ) from error
        for g, group in enumerate(self.groups):
            count = sum(name.startswith(f"{g}/") for name in arrays)
            group.restore([arrays[f"{g}/{i}"] for i in range(count)])
            self.spreads[g] = group.evaluate()[2]
        return old.seconds


def state_path(path: Path) -> Path:
    """Return the path of the state file of an unfinished study."""
    return path.with_name(path.name + ".state.npz")
