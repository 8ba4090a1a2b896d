"""One library contains the kernel at several processor levels, all with the same bounds.

In a wheel, the tests check the library itself. Elsewhere the package has one level, so they
compile a library of all levels, without fused products: then nothing may depend on the level.
"""

import contextlib
import platform
import shutil
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

from cases import cases
from outrange.graph import Builder, Slot
from outrange.search.kernel import binding
from outrange.search.kernel.binding import CompiledProgram, installed_kernels, kernels, library
from outrange.search.kernel.compile import compile_layers


ROOT = Path(__file__).parents[2]
WITHOUT_FUSING = [cases("-O0", "-O1"), "-ffp-contract=off"]
OLD = {"x86_64_v2"}
"""Processor levels that cannot fuse products, and so round differently."""


def _setup():
    spec = spec_from_file_location("setup", ROOT / "setup.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def compile_levels(tmp_path_factory):
    """Compile a library of all levels; return it, its levels, and those that fuse no products."""
    target = f"{sys.platform}_{platform.machine()}".lower()
    if len(installed_kernels()) > 1:
        return list(installed_kernels()), OLD
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    build = _setup()
    file = tmp_path_factory.mktemp("kernel") / "_kernel.so"
    with contextlib.chdir(ROOT):
        build.compile_kernel(["cc"], target, build.levels(target), file, WITHOUT_FUSING)
    return kernels(file), set()


def program(seed):
    """Build a random network: dense and sparse layers, a kink that opens down, a skip."""
    rng = np.random.default_rng(seed)
    inputs, width = int(rng.integers(2, 9)), int(rng.integers(5, 60))
    b = Builder([Slot("x", (inputs,))])
    start = x = b.input_values()[0]
    for depth in range(int(rng.integers(1, 5))):
        weight = rng.normal(size=(x.shape[1], width)) * np.sqrt(2.0 / x.shape[1])
        if depth == 1:
            weight *= rng.random(weight.shape) < 0.15
        x = b.curve("relu", b.dense(x, weight, 0.1 * rng.normal(size=width)))
    x = b.add(
        b.dense(x, rng.normal(size=(width, 2)), np.zeros(2)),
        b.dense(start, rng.normal(size=(inputs, 2)), rng.normal(size=2)),
    )
    weights = np.array([[1.0, 0.0], [-1.0, 0.5]])
    tape = compile_layers(b.finish([x], ["y"]), weights, np.zeros(2), np.full(inputs, np.nan))
    assert tape is not None
    return tape, rng


def bounds(kernel, seed):
    tape, rng = program(seed)
    compiled_tape = CompiledProgram(tape, np.ones(tape.inputs), kernel=kernel)
    middle, radius = rng.uniform(-0.5, 0.5, tape.inputs), rng.uniform(0.01, 0.5)
    status = np.zeros(tape.states, np.int8)
    y = compiled_tape.evaluate(rng.uniform(-1, 1, (20, tape.inputs)))
    return compiled_tape, [*compiled_tape.bound(middle - radius, middle + radius, status), y]


@pytest.mark.slow
def test_the_best_level_is_chosen(compile_levels):
    levels = [kernel.level for kernel in compile_levels[0]]
    assert levels == sorted(levels, reverse=True)
    assert len(set(levels)) == len(levels) > 0
    first = library()
    assert first is None or first is installed_kernels()[0]


@pytest.mark.parametrize("seed", range(cases(12, 200)))
def test_every_level_finds_the_same_bounds(compile_levels, seed):
    levels, old = compile_levels
    best, wanted = bounds(levels[0], seed)
    for kernel in levels[1:]:
        _, result = bounds(kernel, seed)
        if kernel.level in old:
            # Both are proved, each with its own roundings.
            assert np.all(np.abs(result[0] - wanted[0]) <= 4 * best.radius)
            continue
        for a, b in zip(wanted, result, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=kernel.level)


def test_a_library_of_another_version_is_none_of_ours(compile_levels, tmp_path, monkeypatch):
    (tmp_path / "_kernel.so").write_bytes(b"not a library")
    assert kernels(tmp_path / "_kernel.so") == []
    monkeypatch.setattr(binding, "VERSION", -1)
    installed_kernels.cache_clear()
    try:
        assert library() is None
    finally:
        monkeypatch.undo()
        installed_kernels.cache_clear()


@pytest.mark.parametrize("target", ["linux_x86_64", "win_amd64", "macosx_11_0_x86_64"])
def test_wheels_hold_every_level_of_their_processors(target):
    assert list(_setup().levels(target)) == ["x86_64_v4", "x86_64_v3", "x86_64_v2"]


@pytest.mark.parametrize("target", ["linux_aarch64", "win_arm64", "macosx_11_0_arm64"])
def test_processors_with_one_level_get_one(target):
    assert list(_setup().levels(target)) == ["arm64"]
