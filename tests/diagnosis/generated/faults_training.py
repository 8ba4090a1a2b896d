"""Faults of layers, initial weights, optimizer and the number of steps."""

from __future__ import annotations

from dataclasses import replace

from .draw import Draw
from .operators import Operator, any_layer, has_kernel
from .program import COMPOSED, Program, Spec, spec


def _rate(program: Program, rate: float) -> Program:
    kind, options = program.optimizer
    return replace(program, optimizer=(kind, {**options, "learning_rate": rate}))


def rate_too_high(draw: Draw, program: Program) -> Program | None:
    return _rate(program, program.optimizer[1]["learning_rate"] * draw.between(50, 2000))


def rate_too_low(draw: Draw, program: Program) -> Program | None:
    return _rate(program, draw.between(1e-8, 1e-6))


def too_few_epochs(draw: Draw, program: Program) -> Program | None:
    return replace(program, epochs=draw.whole(1, 2), batch=64)


def one_large_batch(draw: Draw, program: Program) -> Program | None:
    return replace(program, batch=len(program.x[0]), epochs=max(program.epochs // 3, 1))


def clipped_to_nothing(draw: Draw, program: Program) -> Program | None:
    rate, clip = draw.between(0.01, 0.05), draw.between(1e-5, 1e-3)
    return replace(program, optimizer=("SGD", {"learning_rate": rate, "clipvalue": clip}))


def _kernels(program: Program, initializer: object, ends: bool = True) -> Program:
    def change(layer: Spec) -> Spec:
        if layer.kind == "Embedding" or not (has_kernel(layer)):
            return layer
        name = "kernel_initializer"
        if layer.kind.startswith("Separable"):
            return layer.but(depthwise_initializer=initializer, pointwise_initializer=initializer)
        return layer.but(**{name: initializer})

    return program.map_layers(change) if ends else program.map_hidden(change)


def zero_weights(draw: Draw, program: Program) -> Program | None:
    return _kernels(program, "zeros")


def equal_weights(draw: Draw, program: Program) -> Program | None:
    value = draw.one(1.0, 1.0, 0.1, 0.5)
    return _kernels(program, {"class_name": "Constant", "config": {"value": value}})


def huge_weights(draw: Draw, program: Program) -> Program | None:
    return _kernels(program, {"class_name": "RandomNormal",
                              "config": {"stddev": draw.between(3, 30)}})  # fmt: skip


def tiny_weights(draw: Draw, program: Program) -> Program | None:
    return _kernels(program, {"class_name": "RandomNormal",
                              "config": {"stddev": draw.between(1e-7, 1e-4)}})  # fmt: skip


def dead_biases(draw: Draw, program: Program) -> Program | None:
    if not any_layer(program.hidden, lambda s: has_kernel(s) and s.activation == "relu"):
        return None
    start = {"class_name": "Constant", "config": {"value": -draw.between(5, 50)}}
    return program.map_hidden(
        lambda s: s.but(bias_initializer=start) if has_kernel(s) and s.activation == "relu" else s
    )


def _bent(layer: Spec) -> bool:
    return layer.activation is not None and layer.kind not in ("LSTM", "GRU", "SimpleRNN")


def no_activation(draw: Draw, program: Program) -> Program | None:
    if not any_layer(program.hidden, _bent):
        return None
    return program.map_hidden(lambda s: s.but(activation="linear") if _bent(s) else s)


def softmax_inside(draw: Draw, program: Program) -> Program | None:
    fitting = [s for s in program.hidden if s.kind == "Dense" and _bent(s)]
    if not fitting:
        return None
    return program.map_hidden(
        lambda s: s.but(activation="softmax") if s.kind == "Dense" and _bent(s) else s
    )


def deep_sigmoids(draw: Draw, program: Program) -> Program | None:
    if any_layer(program.hidden, lambda s: s.kind in ("Residual",)):
        return None
    width, depth = draw.whole(8, 24), draw.whole(6, 10)
    more = tuple(spec("Dense", width, activation="sigmoid") for _ in range(depth))
    heads = tuple(replace(h, layers=(*h.layers[:-1], *more, h.last)) for h in program.heads)
    return replace(program, heads=heads)


def _after_each(program: Program, extra: Spec) -> Program:
    """A layer behind every dense or convolution layer but the outputs."""

    def longer(layers: tuple[Spec, ...]) -> tuple[Spec, ...]:
        out: list[Spec] = []
        for layer in layers:
            out += [layer, extra] if has_kernel(layer) else [layer]
        return tuple(out)

    return replace(
        program, branches=tuple(map(longer, program.branches)), trunk=longer(program.trunk),
        heads=tuple(replace(h, layers=(*longer(h.layers[:-1]), h.last)) for h in program.heads),
    )  # fmt: skip


def strong_dropout(draw: Draw, program: Program) -> Program | None:
    return _after_each(program, Spec("Dropout", {"rate": draw.one(0.8, 0.9, 0.95)}))


def dropout_last(draw: Draw, program: Program) -> Program | None:
    at, rate = draw.whole(0, len(program.heads) - 1), draw.one(0.3, 0.5, 0.7)
    drop = Spec("Dropout", {"rate": rate})
    return program.with_head(lambda h: replace(h, layers=(*h.layers, drop)), at)


def strong_penalty(draw: Draw, program: Program) -> Program | None:
    kind, size = draw.one("L1", "L2"), draw.between(0.3, 10)
    penalty = {"class_name": kind, "config": {kind.lower(): size}}
    return program.map_layers(
        lambda s: s.but(kernel_regularizer=penalty)
        if has_kernel(s) and not s.kind.startswith(("Separable", "Embedding")) else s
    )  # fmt: skip


def _frozen(layer: Spec) -> Spec:
    return layer if layer.kind in COMPOSED else layer.but(trainable=False)


def frozen_layers(draw: Draw, program: Program) -> Program | None:
    """All hidden layers keep what they were drawn with."""
    return program.map_hidden(_frozen)


def frozen_model(draw: Draw, program: Program) -> Program | None:
    return program.map_layers(_frozen)


def no_gradient_inside(draw: Draw, program: Program) -> Program | None:
    at = draw.whole(0, len(program.heads) - 1)
    wall = Spec(draw.one("StopGradient", "Round"))
    return program.with_head(
        lambda h: replace(h, layers=(*h.layers[:-1], wall, h.last)), at
    )  # fmt: skip


def bottleneck(draw: Draw, program: Program) -> Program | None:
    """One unit of a relu before the output."""
    narrow = spec("Dense", 1, activation=draw.one("relu", "sigmoid", "tanh"))
    at = draw.whole(0, len(program.heads) - 1)
    return program.with_head(lambda h: replace(h, layers=(*h.layers[:-1], narrow, h.last)), at)


FAULTS = (
    Operator("rate too high", "DeepCrime HLR, AUTOTRAINER", rate_too_high, ("OR017",)),
    Operator("rate too low", "DeepCrime HLR, AUTOTRAINER", rate_too_low, ("OR017", "OR030")),
    Operator("too few epochs", "DeepCrime HNE, DeepFD", too_few_epochs, ("OR017", "OR030")),
    Operator("one large batch", "DeepCrime HBS", one_large_batch, ("OR017", "OR030")),
    Operator("gradients clipped to nothing", "DeepCrime OCG", clipped_to_nothing,
             ("OR017", "OR030")),
    Operator("zero weights", "DeepCrime WCI, NeuraLint", zero_weights,
             ("OR013", "OR003", "OR023")),
    Operator("equal weights", "DeepCrime WCI, NeuraLint", equal_weights, ("OR013",)),
    Operator("huge weights", "DeepCrime WCI, AUTOTRAINER", huge_weights,
             ("OR004", "OR012", "OR024", "OR032", "OR017:initial|drawn anew|glorot")),
    Operator("tiny weights", "DeepCrime WCI, AUTOTRAINER", tiny_weights,
             ("OR012", "OR023", "OR032", "OR017:initial|drawn anew|glorot")),
    Operator("dead biases", "AUTOTRAINER, DeepCrime WCI", dead_biases, ("OR003", "OR020")),
    Operator("no hidden activation", "DeepCrime ARM, NeuraLint", no_activation, ("OR009",)),
    Operator("softmax inside", "DeepCrime ACH", softmax_inside, ("OR008",)),
    Operator("deep sigmoids", "AUTOTRAINER, DeepFD", deep_sigmoids, ("OR012", "OR004", "OR023")),
    Operator("strong dropout", "DeepCrime RCD", strong_dropout, ("OR027",)),
    Operator("dropout after the output", "NeuraLint", dropout_last, ("OR019", "OR027")),
    Operator("strong penalty", "DeepCrime RAW", strong_penalty, ("OR026",)),
    Operator("frozen layers", "Humbatova", frozen_layers, ("OR021",), "not trainable|frozen"),
    Operator("frozen model", "Humbatova", frozen_model, ("OR021",)),
    Operator("no gradient inside", "Humbatova", no_gradient_inside, ("OR005",)),
    Operator("bottleneck", "DeepFD, Humbatova", bottleneck, ("OR003", "OR033"),
             "bottleneck|narrow"),
)  # fmt: skip
