"""Bounds of every value of a graph over boxes: one file a domain, one rule a kind of op."""

import importlib
import pkgutil

from .registry import DOMAINS as DOMAINS, Domain as Domain, bounds as bounds, register as register


# Packages, as `float32`, are no domains, and are imported by who asks for them.
for _found in pkgutil.iter_modules(__path__):
    if _found.ispkg:
        continue
    importlib.import_module(f"{__name__}.{_found.name}")
