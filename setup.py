"""Compiles the box kernel, a plain C library, into the package; pyproject.toml has the rest.

The kernel is loaded through ctypes and needs no Python headers. Where no C compiler works the build
goes on without it, with a warning: the library then runs on its NumPy engine alone.

Environment:
    CC: The compiler to try first.
    OUTRANGE_PORTABLE: Set to 1, the kernel is compiled for any machine of this architecture
        (what a wheel for others needs), several times for x86-64: the library chooses when it
        is loaded. Otherwise it is compiled for this very processor.
    OUTRANGE_PLATFORM: The platform in the wheel's name (`win_amd64`), where it is for another one
        than this; CC must compile for it. Implies OUTRANGE_PORTABLE. Portable and with a CC,
        there is no wheel without a kernel.
    OUTRANGE_NO_KERNEL: Set to 1, nothing is compiled.
"""

import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext


KERNEL = "outrange.search.kernel._kernel"
FOLDER = Path("src/outrange/search/kernel")
SOURCE, CHOICE = FOLDER / "_kernel.c", FOLDER / "_levels.c"
# Infinities and NaN keep their meaning (bounds use both), so neither -ffast-math nor
# -ffinite-math-only.
FLAGS = "-O3 -std=c11 -fvisibility=hidden -fno-math-errno -fno-trapping-math".split()
# Sums may be reordered and products fused, which the rounding analysis allows.
LOOSE = "-ffp-contract=fast -fassociative-math -fno-signed-zeros".split()
# The same bits at every level that fuses products: which ones, Clang then takes from the source.
SAME_BITS = ["-ffp-contract=on"]
# GCC would fuse nothing by that; what it fuses on its own depends on the level.
FUSED = ["-ffp-contract=fast"]

PLATFORM = os.environ.get("OUTRANGE_PLATFORM", "")
PORTABLE = bool(PLATFORM) or os.environ.get("OUTRANGE_PORTABLE") == "1"
NEEDED = bool(PLATFORM) or (PORTABLE and "CC" in os.environ)


def compilers():
    """Command lines of the C compilers worth trying, best first."""
    if os.environ.get("CC"):
        yield shlex.split(os.environ["CC"])
    if NEEDED:
        return
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            yield [name]
    # The wheel `ziglang` carries a whole C compiler; its sanitizers are off, as in the others.
    yield [sys.executable, "-m", "ziglang", "cc", "-fno-sanitize=undefined"]


def levels(target):
    """`{level: flags}` for a platform, best first: what one library holds, see `_levels.c`."""
    if target.endswith(("x86_64", "amd64")):
        # Clang would keep to half of a register of AVX-512.
        return {
            "x86_64_v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
            "x86_64_v3": ["-march=x86-64-v3"],
            "x86_64_v2": ["-march=x86-64-v2"],
        }
    return {"arm64": []} if target.endswith(("aarch64", "arm64")) else {"plain": []}


def choices(target, portable):
    """Return lists of levels worth trying, best first."""
    if portable:
        return [levels(target)]
    return [{"native": ["-march=native"]}, {"native": []}]


def is_clang(compiler):
    """Whether a command line is Clang, under whatever name."""
    said = subprocess.run([*compiler, "--version"], capture_output=True, text=True).stdout
    return "clang" in said.lower()


def compile_kernel(compiler, target, wanted, library, flags=None):
    """Compile every level and their choice, and link them.

    Args:
        compiler: Its command line.
        target: The platform.
        wanted: `{level: flags}`.
        library: The file to write.
        flags: How strictly sums are taken at their word.

    Raises:
        subprocess.CalledProcessError: The compiler does not take it.
        OSError: There is no such compiler.
    """
    windows, mac = target.startswith("win"), target.startswith("macosx")
    position = [] if windows else ["-fPIC", "-pthread"]
    least = []
    if any("zig" in part for part in compiler):
        # It spells processors in its own way, and takes this very one where none is named.
        wanted = {k: [f.replace("x86-64-", "x86_64_") for f in more] for k, more in wanted.items()}
        least = [] if "native" in wanted else ["-mcpu=baseline"]
    if flags is None:
        loose = FUSED if not is_clang(compiler) else SAME_BITS
        flags = LOOSE if "native" in wanted else loose
    with tempfile.TemporaryDirectory() as folder:
        objects, parts = [], [(CHOICE, "levels", [_names(wanted), *least])]
        for name, more in wanted.items():
            parts.append((SOURCE, name, [f"-DLEVEL={name}", *(more or least)]))
        for source, name, more in parts:
            objects.append(str(Path(folder, f"{name}.o")))
            run([*compiler, *FLAGS, *flags, *position, *more, "-c", str(source), "-o", objects[-1]])
        # Linkers leave other files beside a DLL.
        fresh = Path(folder, Path(library).name)
        ending = [] if windows else ["-pthread", "-lm"]
        if PORTABLE and not mac:
            ending.append("-s")
        run([*compiler, "-shared", *objects, "-o", str(fresh), *ending])
        # Copied aside and moved, so that a process using the old library keeps it whole.
        aside = Path(library).with_suffix(".new")
        shutil.copy(fresh, aside)
        aside.replace(library)


def _names(wanted):
    return "-DLEVELS=" + ",".join(f'"{name}"' for name in wanted)


def run(command):
    """Run a command; what it said is in the error."""
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        error.add_note(f"{shlex.join(command)}\n{error.stderr.strip()[-2000:]}")
        raise


class BuildKernel(build_ext):
    """Compile the kernel as a plain shared library."""

    def get_ext_filename(self, fullname):
        suffix = ".dll" if (PLATFORM or sys.platform).startswith("win") else ".so"
        return str(Path(*fullname.split(".")).with_suffix(suffix))

    def build_extension(self, ext):
        target = Path(self.get_ext_fullpath(ext.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        if os.environ.get("OUTRANGE_NO_KERNEL") == "1":
            return
        here = PLATFORM or f"{sys.platform.replace('darwin', 'macosx')}_{platform.machine()}"
        tried = []
        for compiler in compilers():
            for wanted in choices(here.lower(), PORTABLE):
                try:
                    compile_kernel(compiler, here.lower(), wanted, target)
                except (OSError, subprocess.CalledProcessError) as error:
                    tried += getattr(error, "__notes__", [f"{compiler[0]}: {error}"])
                    continue
                print("outrange: kernel compiled by", shlex.join(compiler), *wanted)
                return
        if NEEDED:
            raise SystemExit(f"outrange: no kernel for {here}\n" + "\n".join(tried))
        warnings.warn(
            "outrange: no C compiler could build the box kernel; the library will run on its NumPy "
            "engine, slower on small networks. Install a C compiler (or `pip install ziglang`) and "
            "install outrange again. Tried:\n" + "\n".join(tried),
            stacklevel=1,
        )


class AnyPythonWheel(bdist_wheel):
    """The kernel depends on the platform, not on the Python version."""

    def get_tag(self):
        return "py3", "none", PLATFORM or super().get_tag()[2]


if __name__ == "__main__":
    setup(
        ext_modules=[
            Extension(
                KERNEL,
                [str(SOURCE), str(CHOICE)],
                depends=sorted(str(path) for path in FOLDER.glob("*.h")),
                optional=not NEEDED,
            )
        ],
        cmdclass={"build_ext": BuildKernel, "bdist_wheel": AnyPythonWheel},
    )
