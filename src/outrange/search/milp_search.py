"""Many inputs, few undecided units: a mixed-integer solver with our bounds."""


def promising(tape, box) -> bool:
    return False


def search(tape, box, state, *, seed=0):
    raise NotImplementedError
