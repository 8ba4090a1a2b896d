"""Which weights a gradient can reach, from the recorded steps."""

from collections.abc import Iterable

from ..program import Program, RecordedStep


def lost_weights(program: Program) -> list[tuple[list[RecordedStep], list[int]]]:
    """Trainable weights, all of whose uses are recorded, that no gradient of the losses reaches.

    Where training does something else than inference, none reaches them there either.

    Args:
        program: Its losses were all followed.

    Returns:
        Groups `(steps, weights)`: what stands in the way (none if the loss does not depend on the
        weights at all), and the weights' indices.
    """
    groups = _lost(program)
    if not groups or program.in_training is None:
        return groups
    trained = program.in_training()
    if trained is None or any(loss.tensor is None for loss in trained.losses):
        return []
    there = {i for _, weights in _lost(trained) for i in weights}
    kept = [(walls, [i for i in weights if i in there]) for walls, weights in groups]
    return [(walls, weights) for walls, weights in kept if weights]


def _lost(program: Program) -> list[tuple[list[RecordedStep], list[int]]]:
    """The same of the recorded run alone."""
    makers = {t: step for step in program.steps for t in step.gives}
    starts = [loss.tensor for loss in program.losses if loss.tensor is not None]
    reached, found = _behind(makers, starts, blocked=False)
    touched, used = _behind(makers, starts, blocked=True)
    lost = [
        i
        for i, weight in enumerate(program.weights)
        if weight.trainable and i not in found and i not in program.escaped
    ]
    del touched
    groups: list[tuple[list[RecordedStep], list[int]]] = []
    blocked = [i for i in lost if i in used]
    if blocked:
        walls = [s for s in program.steps if _stands_before(s, reached, makers, blocked)]
        groups.append((walls, blocked))
    outside = [i for i in lost if i not in used]
    heads = {loss.output for loss in program.losses}
    if outside and len(heads) == len(program.outputs):
        groups.append(([], outside))
    return groups


def weights_behind(program: Program, tensor: int) -> set[int] | None:
    """The weights behind a tensor, if all of them act on the outputs through it alone.

    Args:
        program: A program.
        tensor: Any tensor of it.

    Returns:
        Their indices; None also where uses of such a weight could not be recorded, or where code
        of the user's own may connect it otherwise in training.
    """
    if program.own_chance:
        return None
    makers = {t: step for step in program.steps for t in step.gives}
    _, behind = _behind(makers, [tensor], blocked=True)
    makers.pop(tensor, None)
    _, around = _behind(makers, program.output_tensors, blocked=True)
    return None if behind & (around | program.escaped) else behind


def weights_after(program: Program, tensors: Iterable[int]) -> set[int]:
    """The weights that the model reads together with what depends on some tensors."""
    reached, found = set(tensors), set()
    for step in program.steps:
        if step.inside and reached.intersection((*step.reads, *step.blocked)):
            reached.update(step.gives)
            found.update((*step.weights, *step.blocked_weights))
    return found


def _behind(
    makers: dict[int, RecordedStep], starts: Iterable[int], blocked: bool
) -> tuple[set[int], set[int]]:
    """Tensors and weights that lie behind some tensors; with `blocked` past every wall."""
    tensors, weights, waiting = set(starts), set(), list(starts)
    while waiting:
        step = makers.get(waiting.pop())
        if step is None:
            continue
        weights.update(step.weights)
        more = [*step.reads]
        if blocked or step.opaque:
            weights.update(step.blocked_weights)
            more += step.blocked
        for t in more:
            if t not in tensors:
                tensors.add(t)
                waiting.append(t)
    return tensors, weights


def _stands_before(
    step: RecordedStep, reached: set[int], makers: dict[int, RecordedStep], lost: list[int]
) -> bool:
    """Whether a gradient arrives at `step`, stops, and would have gone on to a lost weight."""
    if not reached.intersection(step.gives) or not (step.blocked or step.blocked_weights):
        return False
    _, weights = _behind(makers, step.blocked, blocked=True)
    return bool((weights | set(step.blocked_weights)).intersection(lost))
