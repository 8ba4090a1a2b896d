"""Compiles the box kernel, one plain C file, into the package; pyproject.toml has the rest.

The kernel is loaded through ctypes and needs no Python headers. Where no C compiler works the build
goes on without it, with a warning: the library then runs on its NumPy engine alone.

Environment:
    CC: The compiler to try first.
    OUTRANGE_PORTABLE: Set to 1, the kernel is compiled for any machine of this architecture
        (what a wheel for others needs), instead of for this very processor.
    OUTRANGE_NO_KERNEL: Set to 1, nothing is compiled.
"""

import os
import platform
import shlex
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext


KERNEL = "outrange.search.kernel._kernel"
FOLDER = Path("src/outrange/search/kernel")
# Infinities and NaN keep their meaning (bounds use both), so neither -ffast-math nor
# -ffinite-math-only; sums may be reordered and products fused, which the rounding analysis allows.
FLAGS = (
    "-O3 -std=c11 -ffp-contract=fast -fPIC -shared -pthread -fvisibility=hidden "
    "-fno-math-errno -fno-trapping-math -fassociative-math -fno-signed-zeros"
).split()


def compilers():
    """Command lines of the C compilers worth trying, best first."""
    if os.environ.get("CC"):
        yield shlex.split(os.environ["CC"])
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            yield [name]
    # The wheel `ziglang` carries a whole C compiler; its sanitizers are off, as in the others.
    yield [sys.executable, "-m", "ziglang", "cc", "-fno-sanitize=undefined"]


def machine_flags():
    """Lists of processor flags worth trying, best first."""
    if os.environ.get("OUTRANGE_PORTABLE") != "1":
        yield ["-march=native"]
    elif platform.machine() in ("x86_64", "AMD64"):
        yield ["-march=x86-64-v2"]
    yield []


class BuildKernel(build_ext):
    """Compile the kernel as a plain shared library."""

    def get_ext_filename(self, fullname):
        return str(Path(*fullname.split(".")).with_suffix(".so"))

    def build_extension(self, ext):
        target = Path(self.get_ext_fullpath(ext.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        if os.environ.get("OUTRANGE_NO_KERNEL") == "1":
            return
        tried = []
        for compiler in compilers():
            for machine in machine_flags():
                # Written aside and moved, so that a process using the old library keeps it whole.
                fresh = target.with_suffix(".new")
                command = [*compiler, *FLAGS, *machine, *ext.sources, "-o", str(fresh), "-lm"]
                try:
                    done = subprocess.run(command, capture_output=True, text=True)
                except OSError as error:
                    tried.append(f"{compiler[0]}: {error}")
                    continue
                if done.returncode == 0:
                    fresh.replace(target)
                    print("outrange: kernel compiled by", shlex.join(command))
                    return
                tried.append(f"{shlex.join(command)}\n{done.stderr.strip()[-2000:]}")
        warnings.warn(
            "outrange: no C compiler could build the box kernel; the library will run on its NumPy "
            "engine, slower on small networks. Install a C compiler (or `pip install ziglang`) and "
            "install outrange again. Tried:\n" + "\n".join(tried),
            stacklevel=1,
        )


class AnyPythonWheel(bdist_wheel):
    """The kernel depends on the platform, not on the Python version."""

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


setup(
    ext_modules=[
        Extension(
            KERNEL,
            [str(FOLDER / "_kernel.c")],
            depends=sorted(str(path) for path in FOLDER.glob("*.h")),
            optional=True,
        )
    ],
    cmdclass={"build_ext": BuildKernel, "bdist_wheel": AnyPythonWheel},
)
