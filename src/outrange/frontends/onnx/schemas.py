"""Defaults of attributes, from the operator schemas of the `onnx` package."""

import functools

from ...core import UnsupportedError, pip_install
from .api import api


@functools.cache
def default_number(op: str, opset: int, name: str) -> float:
    """Return the default of a float attribute, rounded to float32 as runtimes do.

    Args:
        op: An operator of ONNX's own set.
        opset: Version of the set. If that version has no such default, the newest schema is used,
            because runtimes accept newer operators in older files.
        name: Name of the attribute.

    Raises:
        UnsupportedError: The installed `onnx` states no default for this attribute.
    """
    defs = api().defs
    for version in ((opset,), ()):
        try:
            attribute = defs.get_schema(op, *version).attributes.get(name)
        except defs.SchemaError:
            continue
        if attribute is not None and attribute.default_value.type == attribute.default_value.FLOAT:
            return float(attribute.default_value.f)
    raise UnsupportedError(
        "The installed package `onnx` must list the default value of an attribute that a node "
        f"omits. Upgrade the package with {pip_install('-U', 'onnx')}, or export the model "
        f"with this attribute. Received: `{name}` of {op} of operator set {opset}."
    )
