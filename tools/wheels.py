"""Builds the source distribution and the wheels of every platform, here, and checks them.

    python tools/wheels.py build [--only TAG ...]   # into dist/, by the compiler in `ziglang`
    python tools/wheels.py check                    # what is in dist/
    python tools/wheels.py test-installed           # the package that this Python imports

Wheels are built from the source distribution, so that it holds all they need. Those of other
platforms are looked at and not run: `.github/workflows/wheels.yml` builds and tests them there.
"""

import argparse
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path


ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
TARGETS = {
    "manylinux_2_17_x86_64.manylinux2014_x86_64": "x86_64-linux-gnu.2.17",
    "manylinux_2_17_aarch64.manylinux2014_aarch64": "aarch64-linux-gnu.2.17",
    "musllinux_1_2_x86_64": "x86_64-linux-musl",
    "musllinux_1_2_aarch64": "aarch64-linux-musl",
    "macosx_11_0_x86_64": "x86_64-macos.11.0",
    "macosx_11_0_arm64": "aarch64-macos.11.0",
    "win_amd64": "x86_64-windows-gnu",
    "win_arm64": "aarch64-windows-gnu",
}
"""Platform of a wheel to the compiler's name of it."""

MAGIC = {"linux": b"\x7fELF", "macosx": b"\xcf\xfa\xed\xfe", "win": b"MZ"}
SYSTEM = re.compile(
    r"(?i)/usr/lib/libSystem\.B\.dylib|(kernel32|ntdll|api-ms-win-crt-.*)\.dll|libc\.so"
)
"""Libraries that macOS, Windows and musl have; of the GNU C library, `auditwheel` knows."""

TESTS = (
    "tests/search/test_kernel_levels.py", "tests/search/test_kernel.py",
    "tests/search/test_kernel_tapes.py", "tests/laws/test_rounding.py",
    "tests/core",
)  # fmt: skip
ONNX_TESTS = ("tests/regressions/test_without_posix.py",)
DEMO_SECONDS = 60

LEVELS = """
from outrange.search.kernel.binding import installed_kernels
print(*[kernel.level for kernel in installed_kernels()])
"""


def run(*command, quiet=True, **options):
    """Run a command; returns what it printed, and fails with that."""
    done = subprocess.run([str(c) for c in command], text=True, capture_output=quiet, **options)
    if done.returncode:
        sys.exit(f"{command} failed\n{(done.stdout or '')[-4000:]}{(done.stderr or '')[-4000:]}")
    return done.stdout


def build(only):
    """Source distribution, then the wheels from it."""
    DIST.mkdir(exist_ok=True)
    for old in DIST.glob("outrange-*"):
        old.unlink()
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", DIST, ROOT)
    (sdist,) = DIST.glob("*.tar.gz")
    print(f"{sdist.name}: {sdist.stat().st_size:,} bytes")
    for tag in only or TARGETS:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            with tarfile.open(sdist) as archive:
                archive.extractall(folder, filter="data")
            compiler = f"{sys.executable} -m ziglang cc -fno-sanitize=undefined"
            run(
                *(sys.executable, "-m", "build", "--wheel", "--no-isolation"),
                *("--outdir", DIST, Path(folder, sdist.name.removesuffix(".tar.gz"))),
                env=os.environ
                | {"OUTRANGE_PLATFORM": tag, "CC": f"{compiler} -target {TARGETS[tag]}"},
            )
        (wheel,) = DIST.glob(f"*-{tag}.whl")
        took = time.perf_counter() - start
        print(f"{wheel.name}: {wheel.stat().st_size:,} bytes, {took:.0f} s", flush=True)


def check():
    """Every wheel by what is in it; this machine's also installed and run."""
    wheels = sorted(DIST.glob("*.whl"))
    if not wheels:
        sys.exit("dist/ has no wheels: tools/wheels.py build")
    for wheel in wheels:
        print(f"{wheel.name}: {looked_at(wheel)}", flush=True)
    kind = "musl" if platform.libc_ver()[0] != "glibc" else "many"
    here = f"{kind}linux_*_{platform.machine()}"
    mine = next(iter(DIST.glob(f"*-{here}*.whl")), None) if sys.platform == "linux" else None
    if mine is None:
        print("none of them is for this machine")
        return
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(mine).extractall(folder)
        run(
            *(sys.executable, Path(__file__), "test-installed"),
            env=os.environ | {"PYTHONPATH": folder},
            quiet=False,
        )
    print(f"{mine.name}: {in_an_empty_environment(mine)}")
    (sdist,) = DIST.glob("*.tar.gz")
    print(f"{sdist.name}: {without_a_compiler(sdist)}")


def looked_at(wheel):
    """What a wheel holds, in a few words; exits where that is wrong."""
    archive = zipfile.ZipFile(wheel)
    names = archive.namelist()
    libraries = [n for n in names if n.endswith((".so", ".dll", ".dylib", ".pyd"))]
    sources = [n for n in names if n.endswith((".c", ".h", ".lib", ".pdb", ".o"))]
    tag = wheel.stem.split("-")[-1]
    system = "linux" if "linux" in tag else tag.split("_")[0]
    if libraries != [_library(system)] or sources:
        sys.exit(f"{wheel.name} holds {libraries} {sources}")
    content = archive.read(libraries[0])
    if not content.startswith(MAGIC[system]) or wheel.stem.split("-")[2] != "py3":
        sys.exit(f"{wheel.name} is no wheel for {tag}")
    levels = ("arm64",) if tag.endswith(("aarch64", "arm64")) else ("v4", "v3", "v2")
    for level in levels:
        if f"outrange_explore_{'x86_64_' * (level != 'arm64')}{level}".encode() not in content:
            sys.exit(f"{wheel.name} has no kernel of level {level}")
    needs = {"linux": _linux, "macosx": _mac, "win": _windows}[system](wheel, tag)
    return f"kernel of {len(content):,} bytes, {'/'.join(levels)}; {needs}"


def _library(system):
    return f"outrange/search/kernel/_kernel{'.dll' if system == 'win' else '.so'}"


def _linux(wheel, tag):
    if tag.startswith("musllinux"):
        return _musl(wheel)
    auditwheel = shutil.which("auditwheel", path=str(Path(sys.executable).parent))
    said = run(auditwheel or "auditwheel", "show", wheel)
    found = re.search(r'platform tag:\s+"(\w+)"', said)
    if not found or found[1] not in tag:
        sys.exit(f"{wheel.name}: {said}")
    return f"auditwheel: {found[1]}"


def _musl(wheel):
    """Without musl on this machine, auditwheel cannot say."""
    from elftools.elf.elffile import ELFFile

    content = io.BytesIO(zipfile.ZipFile(wheel).read(_library("linux")))
    tags = ELFFile(content).get_section_by_name(".dynamic").iter_tags("DT_NEEDED")
    return _system_only(wheel, [tag.needed for tag in tags])


def _mac(wheel, tag):
    from macholib.mach_o import LC_BUILD_VERSION, LC_LOAD_DYLIB
    from macholib.MachO import MachO

    with tempfile.TemporaryDirectory() as folder:
        (header,) = MachO(zipfile.ZipFile(wheel).extract(_library("macosx"), folder)).headers
    needs = [data.rstrip(b"\0").decode() for load, _, data in header.commands
             if load.cmd == LC_LOAD_DYLIB]  # fmt: skip
    (least,) = (c.minos for load, c, _ in header.commands if load.cmd == LC_BUILD_VERSION)
    if f"_{least >> 16}_{least >> 8 & 255}_" not in tag:
        sys.exit(f"{wheel.name} needs macOS {least >> 16}.{least >> 8 & 255}")
    return _system_only(wheel, needs)


def _windows(wheel, tag):
    from pefile import PE

    found = PE(data=zipfile.ZipFile(wheel).read(_library("win")))
    return _system_only(wheel, [entry.dll.decode() for entry in found.DIRECTORY_ENTRY_IMPORT])


def _system_only(wheel, libraries):
    strange = [n for n in libraries if not SYSTEM.fullmatch(n)]
    if strange:
        sys.exit(f"{wheel.name} needs {strange}")
    return f"needs {', '.join(sorted(libraries))}"


def _environment(folder, package):
    """An environment with a package, installed and run with nothing else on the path."""
    venv.create(folder, with_pip=True)
    own = {"HOME": folder, "PATH": f"{folder}/bin", "KERAS_BACKEND": "jax"}
    own |= {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_")) or "_PROXY" in k}
    python = Path(folder, "bin", "python")
    run(python, "-m", "pip", "install", "--quiet", *package, env=own, cwd=folder)
    return python, own


def in_an_empty_environment(wheel):
    """Install it and run the demo where there is no compiler."""
    with tempfile.TemporaryDirectory() as folder:
        python, own = _environment(folder, [f"outrange[keras] @ {wheel.as_uri()}", "jax"])
        start = time.perf_counter()
        said = run(Path(folder, "bin", "outrange"), "demo", env=own, cwd=folder)
        seconds = time.perf_counter() - start
        if seconds > DEMO_SECONDS or "exact" not in said:
            sys.exit(f"the demo took {seconds:.0f} s\n{said}")
        levels = run(python, "-c", LEVELS, env=own, cwd=folder).split()
    return f"demo in {seconds:.1f} s without a compiler; this processor runs {levels}"


def without_a_compiler(sdist):
    """Install the source distribution where there is none: it runs on NumPy."""
    code = """
import numpy as np
from outrange.graph import Builder, Slot
from outrange.core import Box
from outrange.search.kernel.binding import library
from outrange.search.solve import solve
b = Builder([Slot("x", (2,))])
x = b.curve("relu", b.dense(b.input_values()[0], np.array([[1.0, 1], [1, -1]]), np.zeros(2)))
found = solve(b.finish([x], ["y"]), Box(np.zeros(2), np.ones(2)), -np.eye(2))
print(library(), found.status, -found.lower)
"""
    with tempfile.TemporaryDirectory() as folder:
        python, own = _environment(folder, [sdist])
        said = run(python, "-c", code, env=own, cwd=folder).strip()
    if not said.startswith("None exact [2"):
        sys.exit(f"without a compiler: {said}")
    return "installs without a compiler, and runs on NumPy"


def test_installed():
    """The tests of what is in a wheel, on the package that this Python imports."""
    from outrange.search.kernel.binding import installed_kernels

    levels = [kernel.level for kernel in installed_kernels()]
    if not levels or "native" in levels:
        sys.exit(f"this is no wheel: its kernels are {levels}")
    print("kernels that this processor runs:", *levels, flush=True)
    tests = TESTS + (ONNX_TESTS if find_spec("onnxruntime") else ())
    pytest = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    run(*pytest, *tests, cwd=ROOT, quiet=False)


def main():
    """What the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("task", choices=["build", "check", "test-installed"])
    parser.add_argument("--only", nargs="*", choices=TARGETS, help="platforms to build for")
    asked = parser.parse_args()
    if asked.task == "build":
        build(asked.only)
    elif asked.task == "check":
        check()
    else:
        test_installed()


if __name__ == "__main__":
    main()
