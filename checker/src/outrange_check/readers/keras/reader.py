"""Reader of `.keras` files, which runs the layers over tensors of forms without a batch axis.

Layers are looked up by name in tables, and no code in the file is ever run.
"""

import re
from typing import Any

from flint import fmpq

from ...network import Network, Refused
from ..maker import Maker
from ..tensors import Tensor, size
from . import rules, windows
from .file import opened
from .hdf5 import Hdf5
from .layer import Layer, policy
from .order import Node, order


RULES = rules.RULES | windows.RULES
"""The rule that computes each class of layer, by class name."""

MOST_LAYERS, MOST_DEPTH = 2000, 16

_MODELS = {
    "Sequential": ("keras", "keras.models", "keras.src.models.sequential"),
    "Functional": ("keras", "keras.models", "keras.src.models.functional"),
}

Part = dict[str, Any]
Place = tuple[str, int, int]
"""A tensor in the graph: a layer's name, the index of the call, and the index of its output."""

_Call = tuple[Part, str, int, list[Place]]
"""A call: the layer, the path of its weights, the index of the call, and the tensors it reads."""


def read_keras(data: bytes) -> Network:
    """Return the network in the bytes of a `.keras` file.

    Inputs and outputs are in the model's order, each flattened row-major.

    Raises:
        Refused: The file is damaged, or contains something unsupported.
    """
    config, weights = opened(data)
    shapes = _input_shapes(config, 0)
    maker = Maker(sum(size(shape) for shape in shapes))
    reader, given, first = _Reader(weights, maker), [], 0
    for shape in shapes:
        last = first + size(shape)
        given.append(Tensor(shape, [{i: fmpq(1)} for i in range(first, last)]))
        first = last
    for found in reader.model(config, "", given, 0):
        maker.network.outputs += found.forms()
    return maker.network


class _Reader:
    def __init__(self, weights: Hdf5, maker: Maker) -> None:
        self._weights, self._maker, self._count = weights, maker, 0

    def model(self, part: Part, path: str, given: list[Tensor], depth: int) -> list[Tensor]:
        """Return the outputs of a model.

        Args:
            part: Description of the model.
            path: Path of the model's weights; empty, or with a slash at its end.
            given: Inputs of the model.
            depth: Number of models that contain this model.
        """
        kind, config = _model(part, depth)
        layers = _layers(config)
        shapes = _input_shapes(part, depth)
        if [x.shape for x in given] != shapes:
            raise Refused(
                f"the inputs of model `{config.get('name')}` do not have its input shapes"
            )
        if kind == "Functional":
            return self._functional(config, layers, path, given, depth)
        if layers and layers[0].get("class_name") == "InputLayer":
            layers = layers[1:]
        for layer, where in zip(layers, _paths(layers, path), strict=True):
            given = self._call(layer, where, given, depth)
        return given

    def _functional(
        self, config: Part, layers: list[Part], path: str, given: list[Tensor], depth: int
    ) -> list[Tensor]:
        names = [layer.get("name") for layer in layers]
        if len(set(names)) < len(names):
            raise Refused("two layers have the same name")
        places = [where[0] for where in _ends(config.get("input_layers"))]
        known: dict[Node, list[Tensor]] = {
            (name, 0): [x] for name, x in zip(places, given, strict=True)
        }
        calls: list[_Call] = []
        for layer, where in zip(layers, _paths(layers, path), strict=True):
            nodes = layer.get("inbound_nodes")
            if not isinstance(nodes, list):
                raise Refused(f"layer `{layer.get('name')}` does not state its inputs")
            listed = layer.get("name") in places
            if (layer.get("class_name") == "InputLayer") != listed or (listed and nodes):
                raise Refused(
                    "an InputLayer reads a tensor, or is not listed as an input of the model, or "
                    "a listed input is another layer"
                )
            calls += [(layer, where, i, _reads(layer, node)) for i, node in enumerate(nodes)]
        if len(calls) > MOST_LAYERS:
            raise Refused(f"the model calls layers more than {MOST_LAYERS} times")
        self._run(calls, known, depth)
        ends = _outputs(config, layers)
        found = [_at(known, end) for end in ends]
        reads: dict[Node, list[Node]] = {(name, 0): [] for name in places}
        for layer, _, i, places_read in calls:
            reads[layer["name"], i] = [place[:2] for place in places_read]
        numbered = [name for name in order(reads, [end[:2] for end in ends]) if name not in places]
        if numbered != [name for name in names if name not in places]:
            raise Refused("the layers are not listed in the order in which Keras counts them")
        return found

    def _run(self, waiting: list[_Call], known: dict[Node, list[Tensor]], depth: int) -> None:
        """Call the layers of a graph, each as soon as the tensors that it reads are known."""
        while waiting:
            later: list[_Call] = []
            for layer, where, i, reads in waiting:
                if all((name, node) in known for name, node, _ in reads):
                    found = [_at(known, read) for read in reads]
                    known[layer["name"], i] = self._call(layer, where, found, depth)
                else:
                    later.append((layer, where, i, reads))
            if len(later) == len(waiting):
                raise Refused("the graph of the model has a cycle")
            waiting = later

    def _call(self, part: Part, path: str, given: list[Tensor], depth: int) -> list[Tensor]:
        self._count += 1
        if self._count > MOST_LAYERS:
            raise Refused(f"the model has more than {MOST_LAYERS} layers")
        kind, config = str(part.get("class_name"))[:60], part.get("config")
        if kind in _MODELS:
            return self.model(part, f"{path}/", given, depth + 1)
        name = str(config.get("name"))[:60] if isinstance(config, dict) else "?"
        if part.get("module") != "keras.layers" or part.get("registered_name") not in (None, kind):
            raise Refused(f"layer `{name}` ({kind}) is not one of Keras's own layers")
        if kind not in RULES or not isinstance(config, dict):
            raise Refused(f"layer `{name}` ({kind}) is not supported{_HINTS.get(kind, '')}")
        layer = Layer(kind, name, config, path, self._weights, self._maker)
        return [layer.call(RULES[kind], given)]


_HINTS = {
    "BatchNormalization": ": its scale is not a rational number; fold it into the layer before it",
    "Lambda": ": it contains code",
}


def _model(part: Part, depth: int) -> tuple[str, Part]:
    kind, config = part.get("class_name"), part.get("config")
    known = kind in _MODELS and part.get("module") in _MODELS[kind]
    if not known or not isinstance(config, dict) or part.get("registered_name") not in (None, kind):
        raise Refused(
            f"the model has the class {str(kind)[:60]}, neither Sequential nor Functional"
        )
    if depth > MOST_DEPTH:
        raise Refused(f"models are nested more than {MOST_DEPTH} levels deep")
    return str(kind), config


def _layers(config: Part) -> list[Part]:
    layers = config.get("layers")
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        raise Refused("the model has no list of layers")
    if not 0 < len(layers) <= MOST_LAYERS:
        raise Refused(f"the model has no layers, or more than {MOST_LAYERS}")
    return layers


def _paths(layers: list[Part], path: str) -> list[str]:
    """Return the path of each layer's weights, which numbers the layers of a class in order."""
    counts: dict[str, int] = {}
    found = []
    for layer in layers:
        name = re.sub(r"\W+", "", str(layer.get("class_name")))
        name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
        name = re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
        count = counts.setdefault(name, 0)
        counts[name] += 1
        found.append(f"{path}layers/{name}_{count}" if count else f"{path}layers/{name}")
    return found


def _input_shapes(part: Part, depth: int) -> list[tuple[int, ...]]:
    """Return the shapes of a model's inputs, without the batch axis."""
    kind, config = _model(part, depth)
    layers = _layers(config)
    if kind == "Sequential":
        if layers[0].get("class_name") == "InputLayer":
            return [_input_shape(layers[0])]
        return [_without_batch(config.get("build_input_shape"))]
    named = {layer.get("name"): layer for layer in layers}
    shapes = []
    for name, node, tensor in _ends(config.get("input_layers")):
        if node or tensor or named.get(name, {}).get("class_name") != "InputLayer":
            raise Refused("an input of the model is not an InputLayer")
        shapes.append(_input_shape(named[name]))
    return shapes


def _input_shape(layer: Part) -> tuple[int, ...]:
    config = layer.get("config")
    if not isinstance(config, dict) or layer.get("module") != "keras.layers":
        raise Refused("an input of the model is not an InputLayer")
    if policy(config) != "float32" or any(config.get(k) for k in ("sparse", "ragged", "optional")):
        raise Refused(
            "inputs that are not float32, or are sparse, ragged or optional, are not supported"
        )
    return _without_batch(config.get("batch_shape"))


def _without_batch(shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, list) or not shape or shape[0] not in (None, 1):
        raise Refused("the model does not state the shape of its input, or fixes its batch size")
    if any(type(n) is not int or n < 1 for n in shape[1:]):
        raise Refused(f"the input shape {shape[:20]} leaves an axis open")
    size(tuple(shape[1:]))
    return tuple(shape[1:])


def _ends(found: Any) -> list[Place]:
    """Return the input or output tensors that a model's description lists.

    The description lists one tensor, a list, or a dict. A dict is sorted by its names.
    """
    if isinstance(found, dict):
        found = [found[name] for name in sorted(found)]
    if isinstance(found, list) and len(found) == 3 and isinstance(found[0], str):
        found = [found]
    if not isinstance(found, list) or not found:
        raise Refused("the inputs or outputs of the model are listed in an unsupported way")
    return [_place(end) for end in found]


def _outputs(config: Part, layers: list[Part]) -> list[Place]:
    """Return the output tensors of a model.

    In its list of outputs, Keras counts the calls of a nested Functional model from 1, and those of
    other layers from 0.
    """
    inner = {layer["name"] for layer in layers if layer.get("class_name") == "Functional"}
    ends = _ends(config.get("output_layers"))
    return [(name, node - (name in inner), tensor) for name, node, tensor in ends]


def _place(found: Any) -> Place:
    match found:
        case [str(name), int(node), int(tensor)]:
            return name, node, tensor
    raise Refused("a reference to a tensor of the model has an unsupported form")


def _reads(layer: Part, node: Any) -> list[Place]:
    """Return the tensors that one call of a layer reads: a single tensor, or a list."""
    named = f"layer `{str(layer.get('name'))[:60]}` ({str(layer.get('class_name'))[:60]})"
    match node:
        case {"args": [found], "kwargs": dict(options)}:
            if any(options.values()) or set(options) - {"mask", "training"}:
                raise Refused(f"{named} is called with unsupported arguments")
            tensors = found if isinstance(found, list) else [found]
            return [_history(tensor) for tensor in tensors]
    raise Refused(f"{named} is called in an unsupported way")


def _history(tensor: Any) -> Place:
    match tensor:
        case {"class_name": "__keras_tensor__", "config": {"keras_history": place}}:
            return _place(place)
    raise Refused("a layer reads something that is not a tensor of the model")


def _at(known: dict[Node, list[Tensor]], place: Place) -> Tensor:
    name, node, tensor = place
    found = known.get((name, node), [])
    if not 0 <= tensor < len(found):
        raise Refused(f"the model has no tensor {place}")
    return found[tensor]
