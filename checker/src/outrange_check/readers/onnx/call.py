"""A node of an ONNX graph together with the tensors that it reads, as the rules receive it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ...network import Refused
from ..maker import Maker
from ..tensors import Tensor
from .file import Node


Rule = Callable[["Call"], Tensor | list[Tensor]]


@dataclass
class Call:
    """A node and its inputs.

    Args:
        maker: The maker of the network.
        node: The node.
        given: The inputs of the node; None for each that is omitted.
        opset: Operator set of the model.
        asked: Names of the attributes that the rule has read.
    """

    maker: Maker
    node: Node
    given: list[Tensor | None]
    opset: int
    asked: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, maker: Maker, node: Node, known: dict[str, Tensor], opset: int) -> "Call":
        """Return the call of a node, with inputs from the tensors computed before it."""
        for name in node.inputs:
            if name and name not in known:
                raise Refused(f"{node.op} reads `{name}`, which no earlier node returns")
        return cls(maker, node, [known[name] if name else None for name in node.inputs], opset)

    def run(self, rule: Rule) -> list[Tensor]:
        """Return the outputs of the node, computed by a rule.

        Raises:
            Refused: The rule does not support an attribute or an input.
        """
        self.maker.handle(self.given)
        try:
            found = rule(self)
        except Refused as wrong:
            raise Refused(f"{self.node.op} `{self.node.name}`: {wrong}") from None
        results = found if isinstance(found, list) else [found]
        self.maker.handle(results)
        unknown = set(self.node.attributes) - self.asked
        if unknown:
            raise Refused(f"the attributes {sorted(unknown)} of {self.node.op} are not supported")
        if len([name for name in self.node.outputs if name]) > len(results):
            raise Refused(f"{self.node.op} with {len(self.node.outputs)} outputs is not supported")
        return results

    @property
    def x(self) -> Tensor:
        """Return the first input."""
        return self.input(0)

    def input(self, index: int) -> Tensor:
        """Return an input that must be present."""
        found = self.option(index)
        if found is None:
            raise Refused(f"input {index} is missing")
        return found

    def option(self, index: int) -> Tensor | None:
        """Return an input, or None if the node omits it."""
        return self.given[index] if index < len(self.given) else None

    def most_inputs(self, count: int) -> None:
        """Refuse a node with more inputs than its operator has."""
        if len(self.given) > count:
            raise Refused(f"the node has {len(self.given)} inputs, more than {count}")

    def whole(self, name: str, default: int) -> int:
        """Return an attribute that must be an integer."""
        return self._attribute(name, int, default)

    def real(self, name: str, default: Any) -> Any:
        """Return the exact value of an attribute that must be a real number."""
        found = self._attribute(name, object, default)
        if found is None or isinstance(found, int | str | list | Tensor):
            raise Refused(f"the attribute `{name}` is not a real number")
        return found

    def word(self, name: str, default: str) -> str:
        """Return an attribute that must be a string."""
        return self._attribute(name, str, default)

    def wholes(self, name: str, default: list[int] | None) -> list[int] | None:
        """Return an attribute that must be a list of integers."""
        found = self._attribute(name, list, default)
        if found is not None and any(type(v) is not int for v in found):
            raise Refused(f"the attribute `{name}` is not a list of integers")
        return found

    def axes(self, index: int, since: int, name: str = "axes") -> list[int] | None:
        """Return integers from an attribute, or from an input in operator sets from `since` on."""
        if self.opset < since:
            return self.wholes(name, None)
        found = self.option(index)
        if found is not None and len(found.shape) > 1:
            raise Refused(f"`{name}` must be a list, but has shape {found.shape}")
        return None if found is None else found.wholes()

    def fixed(self, name: str, value: Any) -> None:
        """Refuse the node unless an attribute has the value `value`, its default."""
        if self._attribute(name, type(value), value) != value:
            raise Refused(f"`{name}` other than {value!r} is not supported")

    def _attribute(self, name: str, kind: type, default: Any) -> Any:
        self.asked.add(name)
        if name not in self.node.attributes:
            return default
        found = self.node.attributes[name]
        if not isinstance(found, kind):
            raise Refused(f"the attribute `{name}` has an unsupported type")
        return found
