"""Models of one ONNX operator at any element type, for laws over all operators.

The inputs are float32 numbers that are cast to the element type, and the results are cast back.
"""

from dataclasses import dataclass, field

import numpy as np
from onnx import TensorProto, helper, numpy_helper


NUMBERS = {
    "float": np.float32, "double": np.float64, "float16": np.float16, "bool": np.bool_,
    "int8": np.int8, "int16": np.int16, "int32": np.int32, "int64": np.int64,
    "uint8": np.uint8, "uint16": np.uint16, "uint32": np.uint32, "uint64": np.uint64,
}  # fmt: skip
"""ONNX's names of the element types that NumPy has too."""


def number(kind):
    """Return the `TensorProto.DataType` of an element type by its name in a schema."""
    return getattr(TensorProto, kind.upper())


def counts(kind):
    """Return whether a type is an integer type."""
    return kind.startswith(("int", "uint"))


@dataclass
class Draft:
    """A node under construction.

    Args:
        rng: Source of all random choices.
        form: `"values"`: the first operand depends on the input, others may; `"constants"`: none.
        opset: Version of the operator set.
    """

    rng: np.random.Generator
    form: str
    opset: int = 21
    words: list = field(default_factory=list)
    constants: dict = field(default_factory=dict)
    inputs: list = field(default_factory=list)
    casts: list = field(default_factory=list)

    def data(self, kind, *shape, low=-4.0, high=4.0, fixed=False):
        """Add an operand; return the constant, if it is one."""
        some = bool(self.inputs) and self.rng.random() < 0.5
        if fixed or self.form == "constants" or some:
            return self.constant(self.numbers(kind, shape, low, high), kind)
        name = f"x{len(self.inputs)}"
        if kind.startswith("uint") or kind == "bool":
            low = max(low, 0.0)
        self.inputs.append((name, shape, low, high))
        if kind == "float":
            self.words.append(name)
            return None
        self.casts.append(helper.make_node("Cast", [name], [f"v{name}"], to=number(kind)))
        self.words.append(f"v{name}")
        return None

    def numbers(self, kind, shape, low=-4.0, high=4.0):
        """Draw an array of numbers that an element type can hold."""
        if kind.startswith("uint") or kind == "bool":
            low = max(low, 0.0)
        numbers = self.rng.uniform(low, high, shape)
        if counts(kind) or kind == "bool":
            numbers = np.clip(np.rint(numbers), np.ceil(low), np.floor(high))
        return numbers.astype(NUMBERS.get(kind, np.float32))

    def constant(self, array, kind=None):
        """Add a constant operand; a type that NumPy lacks is cast while the file is read."""
        name = f"k{len(self.constants)}"
        self.constants[name] = np.asarray(array)
        if kind is None or kind in NUMBERS:
            self.words.append(name)
        else:
            self.casts.append(helper.make_node("Cast", [name], [f"v{name}"], to=number(kind)))
            self.words.append(f"v{name}")
        return self.constants[name]

    def ints(self, *values, scalar=False):
        """Add a constant operand of int64."""
        return self.constant(np.array(values[0] if scalar else values, np.int64))

    def absent(self):
        """Add an absent operand."""
        self.words.append("")

    def choice(self, *options):
        """Choose one of some options."""
        return options[int(self.rng.integers(len(options)))]

    def model(self, op, outputs=1, **attributes):
        """Build the model."""
        names = [f"r{i}" for i in range(outputs)]
        options = {k: v for k, v in attributes.items() if v is not None}
        nodes = [*self.casts, helper.make_node(op, self.words, names, name="it", **options)]
        ends = [f"y{i}" for i in range(outputs)]
        nodes += [
            helper.make_node("Cast", [a], [b], to=TensorProto.DOUBLE)
            for a, b in zip(names, ends, strict=True)
        ]
        if not self.inputs:
            self.inputs.append(("unused", (1, 1), -1.0, 1.0))
            nodes.append(helper.make_node("Identity", ["unused"], ["left"]))
            ends.append("left")
        kinds = [TensorProto.DOUBLE if e != "left" else TensorProto.FLOAT for e in ends]
        graph = helper.make_graph(
            nodes, "one operator",
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s, *_ in self.inputs],
            [helper.make_tensor_value_info(n, k, None) for n, k in zip(ends, kinds, strict=True)],
            [numpy_helper.from_array(v, n) for n, v in self.constants.items()],
        )  # fmt: skip
        opsets = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)

    def box(self):
        """Return the range of every flat input."""
        sizes = [int(np.prod(shape)) for _, shape, *_ in self.inputs]
        return tuple(
            np.repeat([part[2 + end] for part in self.inputs], sizes).astype(float)
            for end in (0, 1)
        )
