"""Plants that run on values of a graph, on numbers and on balls alike."""

from itertools import pairwise

import numpy as np

from outrange.graph import Builder, Slot


class Term:
    """A number of a graph, with the operators of Python."""

    def __init__(self, builder, value):
        self.builder, self.value = builder, value

    def _raw(self, other):
        return other.value if isinstance(other, Term) else np.array([[float(other)]])

    def _new(self, value):
        return Term(self.builder, value)

    def __add__(self, other):
        return self._new(self.builder.add(self.value, self._raw(other)))

    __radd__ = __add__

    def __neg__(self):
        return self._new(self.builder.affine_map(self.value, -1.0))

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return (-self) + other

    def __mul__(self, other):
        return self._new(self.builder.multiply(self.value, self._raw(other)))

    __rmul__ = __mul__

    def __truediv__(self, other):
        return self._new(self.builder.divide(self.value, self._raw(other)))

    def __rtruediv__(self, other):
        return self._new(self.builder.divide(self._raw(other), self.value))

    def call(self, name):
        """Apply a curve."""
        return self._new(self.builder.curve(name, self.value))


class TermFunctions:
    """Functions of terms."""

    sin = staticmethod(lambda x: x.call("sin"))
    cos = staticmethod(lambda x: x.call("cos"))
    exp = staticmethod(lambda x: x.call("exp"))


def plant(function, states, controls=0, clock=False, disturbances=0):
    """Build the graph of `function(m, x, u, t, w)`, where `m` holds sin, cos and exp."""
    sizes = {"t": int(clock), "x": states, "u": controls, "w": disturbances}
    slots = [Slot(name, (size,)) for name, size in sizes.items() if size]
    builder = Builder(slots)
    whole = dict(zip((slot.name for slot in slots), builder.input_values(), strict=True))

    def parts(name):
        if name not in whole:
            return []
        value = whole[name]
        return [Term(builder, builder.rearrange([value], [[i]])) for i in range(sizes[name])]

    time = parts("t")
    out = function(TermFunctions, parts("x"), parts("u"), time[0] if time else None, parts("w"))
    terms = [o.value if isinstance(o, Term) else np.array([[float(o)]]) for o in out]
    graph = builder.finish([builder.concat(terms, axis=1)], ["slope"])
    return builder.plain or graph


def layers(rng, states, controls, activation, hidden=6, scale=0.6):
    """Draw weights, biases and activations of a small network."""
    sizes = [states, hidden, hidden, controls]
    network = []
    for i, (a, b) in enumerate(pairwise(sizes)):
        weight = scale * rng.normal(size=(a, b))
        last = i == len(sizes) - 2
        network.append((weight, 0.3 * rng.normal(size=b), None if last else activation))
    return network


def controller(network):
    """Build the graph of such a network."""
    builder = Builder([Slot("x", (len(network[0][0]),))])
    (x,) = builder.input_values()
    for weight, bias, activation in network:
        x = builder.dense(x, weight, bias)
        x = x if activation is None else builder.curve(activation, x)
    return builder.finish([x], ["u"])
