"""Names and contents of wheels; `make wheels` builds and runs them."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.util import module_from_spec, spec_from_file_location

import pytest

from architecture.source import ROOT


def _targets():
    spec = spec_from_file_location("wheels", ROOT / "tools" / "wheels.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.TARGETS


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, folder)
    kernel = folder / "src" / "outrange" / "search" / "kernel"
    ignored = shutil.ignore_patterns("*.so", "__pycache__")
    shutil.copytree(ROOT / "src" / "outrange" / "search" / "kernel", kernel, ignore=ignored)
    for package in (kernel.parent, kernel.parent.parent):
        (package / "__init__.py").touch()
    return folder


def _build(project, tmp_path, *command, **environment):
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", *command, "--dist-dir", str(tmp_path)],
        cwd=project,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    return done, sorted(tmp_path.iterdir())


def test_a_wheel_is_for_any_python_of_its_platform(project, tmp_path):
    done, files = _build(
        project, tmp_path, "bdist_wheel", OUTRANGE_PLATFORM="win_amd64", OUTRANGE_NO_KERNEL="1"
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = files
    assert wheel.name.endswith("-py3-none-win_amd64.whl")
    archive = zipfile.ZipFile(wheel)
    assert not [n for n in archive.namelist() if n.endswith((".c", ".h"))]
    (about,) = (n for n in archive.namelist() if n.endswith(".dist-info/WHEEL"))
    assert b"Root-Is-Purelib: false" in archive.read(about)


def test_a_wheel_for_others_is_not_built_without_its_kernel(project, tmp_path):
    done, files = _build(
        project, tmp_path, "bdist_wheel", OUTRANGE_PLATFORM="win_amd64", CC="no-such-compiler"
    )
    assert done.returncode != 0 and not files
    assert "no kernel for win_amd64" in done.stderr


def test_a_source_distribution_holds_the_kernel(project, tmp_path):
    done, files = _build(project, tmp_path, "sdist", "--formats=zip")
    assert done.returncode == 0, done.stderr
    names = zipfile.ZipFile(files[0]).namelist()
    for path in (ROOT / "src" / "outrange" / "search" / "kernel").glob("*.[ch]"):
        assert any(n.endswith(f"search/kernel/{path.name}") for n in names), path.name


def test_hosted_wheels_are_compiled_as_those_here():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["cibuildwheel"]
    hosted = {
        o["environment"]["CC"].split()[-1]
        for o in settings["overrides"]
        if "CC" in o.get("environment", {})
    }
    assert hosted == {zig for zig in _targets().values() if "macos" not in zig}
    pinned = (ROOT / "requirements" / "wheels.txt").read_text()
    (compiler,) = (w for w in settings["before-build"].split() if w.startswith("ziglang"))
    assert compiler in pinned.splitlines()
