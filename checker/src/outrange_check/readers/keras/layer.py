"""A layer of a Keras model, from which the rules read arguments and weights."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flint import fmpq

from ...network import Refused
from ..maker import Maker
from ..tensors import Tensor, single, size
from .hdf5 import Hdf5


Rule = Callable[["Layer", list[Tensor]], Tensor]

_HARMLESS = ("name", "trainable", "dtype", "seed")
_OF_TRAINING = ("_initializer", "_regularizer", "_constraint")


@dataclass
class Layer:
    """A layer of a Keras model.

    Args:
        kind: Name of the layer's class.
        name: Name of the layer.
        config: Arguments of the layer.
        path: Path of the layer's weights in the HDF5 file.
        weights: The HDF5 file.
        maker: The maker of the network.
        asked: Names of the arguments that the rule has read.
    """

    kind: str
    name: str
    config: dict[str, Any]
    path: str
    weights: Hdf5
    maker: Maker
    asked: set[str] = field(default_factory=set)

    def call(self, rule: Rule, given: list[Tensor]) -> Tensor:
        """Return the layer's output, computed by a rule.

        Raises:
            Refused: The layer or one of its arguments is not supported; the message names the
                layer.
        """
        try:
            self._check_precision()
            self.maker.handle(given)
            found = rule(self, given)
            self.maker.handle([found])
            unknown = [
                key
                for key, value in self.config.items()
                if value is not None
                and key not in self.asked
                and key not in _HARMLESS
                and not key.endswith(_OF_TRAINING)
            ]
            if unknown:
                raise Refused(f"the arguments {unknown} are not supported")
        except Refused as wrong:
            raise Refused(f"layer `{self.name}` ({self.kind}): {wrong}") from None
        return found

    def _check_precision(self) -> None:
        if policy(self.config) != "float32":
            raise Refused(f"the precision {policy(self.config)} is not supported, only float32 is")

    def get(self, key: str, default: Any = None) -> Any:
        """Return an argument as it is in the file, and note that it was read."""
        self.asked.add(key)
        return self.config.get(key, default)

    def whole(self, key: str, default: int | None = None) -> int:
        """Return an argument that must be an integer."""
        found = self.get(key, default)
        if type(found) is not int:
            raise Refused(f"`{key}` is not an integer")
        return found

    def wholes(self, key: str, rank: int, default: int | None = None) -> list[int]:
        """Return an argument as one integer per axis; a single integer applies to all axes."""
        found = self.get(key, default)
        found = [found] * rank if type(found) is int else found
        if not isinstance(found, list) or len(found) != rank:
            raise Refused(f"`{key}` is not a list of {rank} integers")
        if any(type(n) is not int for n in found):
            raise Refused(f"`{key}` is not a list of {rank} integers")
        return found

    def pairs(self, key: str, rank: int) -> list[tuple[int, int]]:
        """Return an argument as two integers per axis, such as the padding before and after.

        Keras writes one integer for all axes, one integer per axis, or one pair per axis.
        """
        found = self.get(key)
        if rank == 1 and isinstance(found, list) and len(found) == 2 and type(found[0]) is int:
            found = [found]
        found = [found] * rank if type(found) is int else found
        if not isinstance(found, list) or len(found) != rank:
            raise Refused(f"`{key}` does not fit {rank} axes")
        out = []
        for pair in found:
            ends = [pair, pair] if type(pair) is int else pair
            if not isinstance(ends, list) or [type(n) for n in ends] != [int, int]:
                raise Refused(f"`{key}` does not fit {rank} axes")
            if not 0 <= min(ends) <= max(ends) <= 1 << 22:
                raise Refused(f"`{key}` {ends} is not supported")
            out.append((ends[0], ends[1]))
        return out

    def real(self, key: str, default: float = 0.0) -> fmpq:
        """Return an argument as a real number, rounded to float32 as in Keras."""
        found = self.get(key, default)
        if type(found) not in (int, float):
            raise Refused(f"`{key}` is not a real number")
        return single(found)

    def word(self, key: str, allowed: tuple[str, ...]) -> str:
        """Return an argument that must be one of the allowed words; the first is the default."""
        found = self.get(key, allowed[0])
        if found not in allowed:
            raise Refused(
                f"`{key}` {str(found)[:40]!r} is not supported (supported: {', '.join(allowed)})"
            )
        return found

    def flag(self, key: str, default: bool) -> bool:
        """Return an argument that must be True or False."""
        found = self.get(key, default)
        if type(found) is not bool:
            raise Refused(f"`{key}` is not a Boolean")
        return found

    def stored(self, *shapes: tuple[int, ...]) -> list[Tensor]:
        """Return the weights of the layer, which must have exactly these shapes."""
        path = f"{self.path}/vars"
        if set(self.weights.members(path)) != {str(i) for i in range(len(shapes))}:
            raise Refused(f"the file does not contain exactly {len(shapes)} weights for this layer")
        self.maker.spend(sum(size(shape) for shape in shapes))
        found = [self.weights.array(f"{path}/{i}") for i in range(len(shapes))]
        for tensor, shape in zip(found, shapes, strict=True):
            if tensor.shape != shape:
                raise Refused(f"a weight has shape {tensor.shape}, not {shape}")
        return found


def policy(config: dict[str, Any]) -> str:
    """Return the name of a layer's precision, such as "float32"."""
    found = config.get("dtype")
    if isinstance(found, dict):
        if found.get("class_name") != "DTypePolicy" or found.get("module") != "keras":
            return str(found.get("class_name"))[:40]
        inner = found.get("config")
        found = inner.get("name") if isinstance(inner, dict) else None
    return str(found)[:40]
