"""Windows that slide over images: convolutions and pools."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..network import Refused
from .maker import Maker
from .tensors import MOST_ITEMS, Tensor, grid, size, strides as strides_of


@dataclass
class Windows:
    """The arrangement of windows over an image; each list has one entry per spatial axis.

    Args:
        spatial: Sizes of the image.
        kernel: Sizes of a window.
        strides: Distances from one window to the next.
        dilation: Distances between neighbors in a window.
        before: Numbers of padding entries before the image.
        after: Numbers of padding entries after the image.
        round_up: Whether the last window may extend beyond the padding if it begins in the image.
    """

    spatial: Sequence[int]
    kernel: Sequence[int]
    strides: Sequence[int]
    dilation: Sequence[int]
    before: Sequence[int]
    after: Sequence[int]
    round_up: bool = False

    def __post_init__(self) -> None:
        rank = len(self.spatial)
        every = (self.kernel, self.strides, self.dilation, self.before, self.after)
        if rank < 1 or any(len(one) != rank for one in every):
            raise Refused(
                f"each attribute of a window must have one number for each of {rank} axes, but the "
                f"attributes have {[len(one) for one in every]} numbers"
            )
        if (
            min(*self.kernel, *self.strides, *self.dilation) < 1
            or min(*self.before, *self.after) < 0
        ):
            raise Refused(
                "window sizes and steps must be positive, and paddings must not be negative"
            )
        if max(max(one) for one in every) > 1 << 22:
            raise Refused("a window is too large")
        self.sizes = tuple(self._count(axis) for axis in range(rank))
        size(self.sizes)
        self.count = math.prod(self.sizes) * math.prod(self.kernel)
        if self.count > MOST_ITEMS:
            raise Refused("the windows have too many entries")

    def _count(self, axis: int) -> int:
        reach = (self.kernel[axis] - 1) * self.dilation[axis] + 1
        room = self.spatial[axis] + self.before[axis] + self.after[axis] - reach
        if room < 0:
            raise Refused(
                f"a window of length {reach} does not fit an axis of length {self.spatial[axis]}"
            )
        step = self.strides[axis]
        count = -(-room // step) + 1 if self.round_up else room // step + 1
        # A window that would begin after the image does not count.
        while self.round_up and (count - 1) * step >= self.spatial[axis] + self.before[axis]:
            count -= 1
        return count

    def entries(self) -> list[list[tuple[int, int]]]:
        """Return, for each window, pairs of positions in the kernel and in the image.

        Windows are in row-major order. Positions outside the image are omitted.
        """
        places = []
        for axis, n in enumerate(self.spatial):
            starts = [i * self.strides[axis] - self.before[axis] for i in range(self.sizes[axis])]
            steps = [(k, k * self.dilation[axis]) for k in range(self.kernel[axis])]
            places.append([[(k, s + d) for k, d in steps if 0 <= s + d < n] for s in starts])
        image, kernel = strides_of(tuple(self.spatial)), strides_of(tuple(self.kernel))
        out = []
        for which in grid_of(self.sizes):
            inside = [places[axis][i] for axis, i in enumerate(which)]
            where = grid([[x for _, x in one] for one in inside], image)
            taps = grid([[k for k, _ in one] for one in inside], kernel)
            out.append(list(zip(taps, where, strict=True)))
        return out


def grid_of(sizes: Sequence[int]) -> list[tuple[int, ...]]:
    """Return all combinations of indices, the last index varying fastest."""
    out: list[tuple[int, ...]] = [()]
    for n in sizes:
        out = [(*o, i) for o in out for i in range(n)]
    return out


def same(
    spatial: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    upper: bool = True,
) -> tuple[list[int], list[int]]:
    """Return the padding before and after for which there are `ceil(size / stride)` windows.

    If the padding of an axis is odd, the additional entry goes after the image with `upper`, and
    before it otherwise.
    """
    before, after = [], []
    for n, k, s, d in zip(spatial, kernel, strides, dilation, strict=True):
        if min(n, k, s, d) < 1:
            raise Refused("window sizes and steps must be positive")
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        before.append(total // 2 if upper else total - total // 2)
        after.append(total - before[-1])
    return before, after


def convolve(maker: Maker, x: Tensor, kernel: Tensor, windows: Windows, groups: int) -> Tensor:
    """Return the convolution of `(channels, *spatial)` with `(out, channels / groups, *kernel)`."""
    channels, out = x.shape[0], kernel.shape[0]
    inside = kernel.shape[1]
    if groups < 1 or inside * groups != channels or out % groups:
        raise Refused(f"a kernel of shape {kernel.shape} does not fit {channels} channels")
    forms, numbers = x.forms(), kernel.numbers()
    pixels, taps = math.prod(x.shape[1:]), math.prod(kernel.shape[2:])
    maker.spend(windows.count * inside * out)
    found = [[] for _ in range(out)]
    per = out // groups
    rows = [numbers[o * inside * taps : (o + 1) * inside * taps] for o in range(out)]
    for entry in windows.entries():
        for group in range(groups):
            first = group * inside
            places = [c * taps + k for c in range(inside) for k, _ in entry]
            seen = [forms[(first + c) * pixels + i] for c in range(inside) for _, i in entry]
            for o in range(group * per, (group + 1) * per):
                row = rows[o]
                terms = [(w, f) for k, f in zip(places, seen, strict=True) if (w := row[k])]
                found[o].append(maker.sum(terms))
    return Tensor((out, *windows.sizes), [form for one in found for form in one])


def pools(maker: Maker, x: Tensor, windows: Windows) -> list[list[int]]:
    """Return the positions in `x`, `(channels, *spatial)`, of the entries of each window.

    Windows are in order within each channel, channel by channel.
    """
    maker.spend(windows.count * x.shape[0])
    pixels = math.prod(x.shape[1:])
    size((x.shape[0], *windows.sizes))
    entries = [[i for _, i in entry] for entry in windows.entries()]
    return [[c * pixels + i for i in entry] for c in range(x.shape[0]) for entry in entries]
