"""Changes that a healthy program survives, some of which look like faults."""

from __future__ import annotations

from dataclasses import replace

from .draw import Draw
from .operators import Operator, has_kernel
from .program import Head, Program, Spec, spec


def accuracy_of_numbers(draw: Draw, program: Program) -> Program | None:
    return replace(program, metrics=(draw.one("accuracy", "mae"),))


def one_more_layer(draw: Draw, program: Program) -> Program | None:
    more = spec("Dense", draw.whole(12, 24), activation="relu")
    return replace(program, heads=tuple(
        replace(h, layers=(*h.layers[:-1], more, h.last)) for h in program.heads
    ))  # fmt: skip


def wider(draw: Draw, program: Program) -> Program | None:
    return program.map_hidden(
        lambda s: s.but(units=int(s.options["units"]) + 16) if s.kind == "Dense" else s
    )


def light_dropout(draw: Draw, program: Program) -> Program | None:
    drop = Spec("Dropout", {"rate": draw.one(0.05, 0.1)})
    return replace(program, heads=tuple(
        replace(h, layers=(*h.layers[:-1], drop, h.last)) for h in program.heads
    ))  # fmt: skip


def light_penalty(draw: Draw, program: Program) -> Program | None:
    penalty = {"class_name": "L2", "config": {"l2": draw.one(1e-6, 1e-5, 1e-4)}}
    return program.map_hidden(
        lambda s: s.but(kernel_regularizer=penalty) if s.kind == "Dense" else s
    )


def other_start(draw: Draw, program: Program) -> Program | None:
    name = draw.one("he_normal", "he_uniform", "lecun_normal", "orthogonal", "glorot_normal")
    return program.map_hidden(
        lambda s: s.but(kernel_initializer=name)
        if has_kernel(s) and not s.kind.startswith("Separable") else s
    )  # fmt: skip


def zero_end(draw: Draw, program: Program) -> Program | None:
    """The last kernel starts at 0, which does no harm."""
    return replace(program, heads=tuple(h.but(kernel_initializer="zeros") for h in program.heads))


def warm_biases(draw: Draw, program: Program) -> Program | None:
    start = {"class_name": "Constant", "config": {"value": 0.1}}
    return program.map_hidden(lambda s: s.but(bias_initializer=start) if s.kind == "Dense" else s)


def clipped(draw: Draw, program: Program) -> Program | None:
    kind, options = program.optimizer
    return replace(program, optimizer=(kind, {**options, draw.one("clipnorm", "clipvalue"): 1.0}))


def other_batch(draw: Draw, program: Program) -> Program | None:
    return replace(program, batch=max(8, program.batch // 2))


def slower(draw: Draw, program: Program) -> Program | None:
    kind, options = program.optimizer
    rate = float(f"{0.6 * options['learning_rate']:.2g}")
    return replace(program, optimizer=(kind, {**options, "learning_rate": rate}),
                   epochs=int(1.5 * program.epochs))  # fmt: skip


def normalized_inside(draw: Draw, program: Program) -> Program | None:
    kind = draw.one("BatchNormalization", "LayerNormalization")

    def longer(head: Head) -> Head:
        return replace(head, layers=(*head.layers[:-1], Spec(kind), head.last))

    return replace(program, heads=tuple(map(longer, program.heads)))


def noisy(draw: Draw, program: Program) -> Program | None:
    if any(a.dtype.kind != "f" for a in program.x) or program.branches[0][:1] == ():
        return None
    if program.branches[0][0].kind == "Normalization":
        return None
    noise = Spec("GaussianNoise", {"stddev": 0.05})
    return replace(program, branches=tuple((noise, *part) for part in program.branches))


def other_activation(draw: Draw, program: Program) -> Program | None:
    name = draw.one("elu", "selu", "gelu", "swish", "leaky_relu", "mish", "softsign")
    return program.map_hidden(
        lambda s: s.but(activation=name) if s.kind in ("Dense", "Conv1D", "Conv2D")
        and s.activation else s
    )  # fmt: skip


def two_activations(draw: Draw, program: Program) -> Program | None:
    """A layer of an activation behind layers that have one already."""
    more = Spec(draw.one("LeakyReLU", "PReLU", "ELU"))
    return replace(program, heads=tuple(
        replace(h, layers=(*h.layers[:-1], more, h.last)) for h in program.heads
    ))  # fmt: skip


def larger_inputs(draw: Draw, program: Program) -> Program | None:
    if any(a.dtype.kind != "f" for a in program.x):
        return None
    return replace(program, x=tuple(3 * a for a in program.x),
                   x_new=tuple(3 * a for a in program.x_new))  # fmt: skip


NAMED_BY = {accuracy_of_numbers: ("OR040",)}
"""Rules with true findings about a change that has no effect on what is learned."""

TWEAKS = tuple(
    Operator(
        change.__name__.replace("_", " "), "harmless", change, NAMED_BY.get(change, ())
    )
    for change in (
        accuracy_of_numbers, one_more_layer, wider, light_dropout, light_penalty, other_start,
        zero_end, warm_biases, clipped, other_batch, slower, normalized_inside, noisy,
        other_activation, two_activations, larger_inputs,
    )
)  # fmt: skip
