"""Bounds on every value of a graph over boxes: one file per domain, one rule per kind of op."""

import importlib
import pkgutil

from .registry import DOMAINS as DOMAINS, Domain as Domain, bounds as bounds, register as register


# Packages such as `float32` are not domains; their users import them.
for _module in pkgutil.iter_modules(__path__):
    if _module.ispkg:
        continue
    importlib.import_module(f"{__name__}.{_module.name}")
