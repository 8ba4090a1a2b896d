"""Reader of ONNX files, which runs the nodes in order over tensors of forms."""

import zlib

from flint import fmpq

from ...network import Network, Refused
from ..maker import Maker
from ..tensors import Tensor, size
from . import arithmetic, shapes, windows
from .call import Call
from .file import Model, decode


MOST_BYTES = 1 << 27
"""Largest number of bytes of a file, both compressed and unpacked."""

RULES = arithmetic.RULES | shapes.RULES | windows.RULES
"""The rule that computes each operator, by name."""


def read_onnx(data: bytes, packed: bool = False) -> Network:
    """Return the network in the bytes of an ONNX file.

    Inputs and outputs are in the file's order, each flattened row-major.

    Args:
        data: The bytes of the file.
        packed: Whether the file is compressed by gzip.

    Raises:
        Refused: The file is damaged, or contains something unsupported.
    """
    return _network(decode(_unpacked(data) if packed else data))


def _unpacked(data: bytes) -> bytes:
    """Return the unpacked bytes of a single gzip stream; refuse more than `MOST_BYTES`."""
    stream = zlib.decompressobj(wbits=31)
    try:
        found = stream.decompress(data, MOST_BYTES)
    except zlib.error as wrong:
        raise Refused(f"the compressed file is damaged ({wrong})") from None
    if not stream.eof:
        raise Refused(f"the compressed file is truncated, or contains more than {MOST_BYTES} bytes")
    if stream.unused_data:
        raise Refused("the compressed file contains more than one stream")
    return found


def _network(model: Model) -> Network:
    maker = Maker(sum(size(shape) for _, shape in model.inputs))
    known, first = dict(model.constants), 0
    for name, shape in model.inputs:
        last = first + size(shape)
        known[name] = Tensor(shape, [{i: fmpq(1)} for i in range(first, last)])
        first = last
    for node in model.nodes:
        if node.op not in RULES:
            raise Refused(f"the operator {node.op} is not supported")
        results = Call.of(maker, node, known, model.opset).run(RULES[node.op])
        for name, result in zip(node.outputs, results, strict=False):
            if name in known:
                raise Refused(f"the tensor `{name}` is returned twice")
            if name:
                known[name] = result
    for name in model.outputs:
        if name not in known:
            raise Refused(f"no node produces the output `{name}`")
        maker.network.outputs += known[name].forms()
    return maker.network
