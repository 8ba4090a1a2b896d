"""A study as JSON, and back."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ...core import InputError
from ..render.jsonable import jsonable
from .study import Study
from .trials import Combination, Reason, Trial


FORMAT, VERSION = "outrange.study", 1

_PLAIN = ("metric", "better", "goal", "baseline", "epochs", "status", "seconds", "backend", "plan")


def study_dict(study: Study) -> dict[str, Any]:
    """Everything in a study, in dicts, lists, strings and finite numbers."""
    record: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    record |= {name: jsonable(getattr(study, name)) for name in _PLAIN}
    record |= {"notes": list(study.notes), "ticks": jsonable(study.ticks)}
    record["best"] = study.best.name
    record["combinations"] = [
        {
            "activation": c.activation,
            "loss": c.loss,
            "optimizer": c.optimizer,
            "solved": jsonable(c.solved),
            "reached": jsonable(c.reached),
            "trials": [
                {
                    "start": t.start,
                    "epochs": t.epochs,
                    "losses": jsonable(t.losses),
                    "metrics": jsonable(t.metrics),
                    "why": [vars(r).copy() for r in t.why],
                }
                for t in c.trials
            ],
        }
        for c in study.combinations
    ]
    return record


def read_study(path: Path) -> Study:
    """A study from its file; see `Study.load`."""
    try:
        record = json.loads(path.read_text())
    except OSError as error:
        raise InputError(f"There is no such study file. Received: `{path}`.") from error
    except ValueError as error:
        raise InputError(
            f"A study file is what `Study.save` wrote. Received: `{path}`, which is no JSON."
        ) from error
    _check(record, path)
    try:
        return _study(record)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"A study file is what `Study.save` wrote. Received: `{path}`, in which {error!r} "
            "is missing or odd."
        ) from error


def _study(record: dict[str, Any]) -> Study:
    combinations = tuple(
        Combination(
            c["activation"],
            c["loss"],
            c["optimizer"],
            tuple(
                Trial(
                    t["start"],
                    t["epochs"],
                    _array(t["losses"]),
                    _array(t["metrics"]),
                    tuple(Reason(**reason) for reason in t["why"]),
                )
                for t in c["trials"]
            ),
            np.array(c["solved"], bool),
            _array(c["reached"]),
        )
        for c in record["combinations"]
    )
    plain = {name: record[name] for name in _PLAIN}
    plain |= {name: float(plain[name]) for name in ("goal", "baseline", "seconds")}
    return Study(
        combinations=combinations,
        ticks=np.array(record["ticks"], int),
        notes=tuple(record["notes"]),
        **plain,
    )


def _array(values: list) -> np.ndarray:
    return np.array([float(value) for value in values])


def _check(record: Any, path: Path) -> None:
    """Raise `InputError` unless a JSON document is a study of this version."""
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise InputError(f"A study file is what `Study.save` wrote. Received: `{path}`.")
    if record.get("version") != VERSION:
        raise InputError(
            f"This release reads version {VERSION} of study files. "
            f"Received: version {record.get('version')!r} in `{path}`."
        )
