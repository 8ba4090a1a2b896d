"""Other verifiers, which decide whether an ONNX network can violate a VNN-LIB property.

Each runs unmodified, in a separate process group that is killed at the limit (Linux only). This is
how to install them, with the environment variables that name their places:

nnenum: github.com/stanleybak/nnenum at b18238f; `pip install CHECKOUT` in an environment of its own
    (it wants onnxruntime 1.19.0). OUTRANGE_NNENUM: the checkout, OUTRANGE_NNENUM_PYTHON: that
    environment's interpreter.
ReluVal: github.com/tcwangshiqi-columbia/ReluVal at 68ce6aa; with OpenBLAS's headers (Debian:
    libopenblas-dev), `make CFLAGS="-O3 -fcommon" LDFLAGS="-O3 -lopenblas -lpthread -lm"`.
    OUTRANGE_RELUVAL: the checkout.
Marabou: `pip install maraboupy==2.0.0 onnx onnxruntime`. OUTRANGE_MARABOU_PYTHON: the interpreter.
alpha-beta-CROWN: github.com/Verified-Intelligence/alpha-beta-CROWN at 8250d5f with its submodule
    auto_LiRPA at 9d100ec (there, not installed); PyTorch 2.8 for the CPU, `pip install torchvision
    "onnx<1.20" onnxruntime onnxoptimizer onnxsim skl2onnx gurobipy psutil pyyaml sortedcontainers
    pandas termcolor tqdm appdirs graphviz ninja packaging sympy` and, with --no-deps, onnx2pytorch
    from github.com/KaidiXu/onnx2pytorch at 8447c42 (PyPI's lacks an argument). OUTRANGE_ABCROWN:
    the checkout, OUTRANGE_ABCROWN_PYTHON: the interpreter.
"""

import gzip
import itertools
import os
import re
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Protocol, cast

from processes import Command, Ran, Settings, run


Verdict = Literal["sat", "unsat", "unknown", "timeout", "error", "unsupported"]
WORKERS = os.cpu_count() or 1
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Outcome:
    """The outcome of a verifier: `sat` if the property can be violated, `unsat` if it cannot."""

    verdict: Verdict
    wall: float  # Seconds, start-up included.
    cpu: float  # Seconds, user and system, of all its processes.
    detail: str  # What it printed last, or why there is no verdict.


class Verifier(Protocol):
    """The protocol of a verifier of VNN-LIB properties.

    `available` returns None if the verifier can run here, or else the reason. `decide` has a limit
    of wall seconds and also accepts gzipped files. `floor` measures the current start-up time in
    wall seconds.
    """

    name: str

    def available(self) -> str | None: ...
    def decide(self, onnx: Path, vnnlib: Path, seconds: float) -> Outcome: ...
    def floor(self) -> float: ...


class Rival:
    """The base class of all verifiers."""

    name: ClassVar[str]
    variables: ClassVar[tuple[str, ...]]  # The last one names the interpreter, if it needs one.
    module: ClassVar[str | None] = None
    settings: Settings = {}

    def available(self) -> str | None:
        for variable in self.variables:
            if not os.environ.get(variable) or not Path(os.environ[variable]).exists():
                return f"{variable} is not set to a path that exists"
        if self.module:
            find = f"import importlib.util; assert importlib.util.find_spec({self.module!r})"
            if run([self.path(-1), "-c", find], Path.cwd(), 60.0).code != 0:
                return f"the interpreter in {self.variables[-1]} has no module {self.module}"
        return None

    def decide(self, onnx: Path, vnnlib: Path, seconds: float) -> Outcome:
        if reason := self.available():
            return Outcome("error", 0.0, 0.0, reason)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            return self.ask(plain(onnx, folder), plain(vnnlib, folder), folder, seconds)

    def floor(self) -> float:
        with tempfile.TemporaryDirectory() as name:
            runs = [run(self.idle(), Path(name), 120.0, self.settings) for _ in range(6)]
        # The first run may read its files from disk, and compile.
        return statistics.median(ran.wall for ran in runs[1:])

    def path(self, which: int) -> Path:
        """Return the folder or interpreter that one of the environment variables names."""
        return Path(os.environ[self.variables[which]]).absolute()

    # Return a command that starts the verifier and decides nothing.
    def idle(self) -> Command: ...

    # Decide a property, given uncompressed files and a folder to write in.
    def ask(self, onnx: Path, vnnlib: Path, folder: Path, seconds: float) -> Outcome: ...


def plain(path: Path, folder: Path) -> Path:
    """Return the file itself, or an unpacked copy without `.gz` in folders of the same names."""
    if path.suffix != ".gz":
        return path.absolute()
    target = folder.joinpath(*path.absolute().parts[-3:]).with_suffix("")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.decompress(path.read_bytes()))
    return target


def judged(ran: Ran, verdict: Verdict | None) -> Outcome:
    """Return the outcome of a run with the verdict in its output (None if there was none)."""
    if ran.code is None:
        return Outcome("timeout", ran.wall, ran.cpu, "ended at the limit")
    lines = [line for line in re.split(r"[\r\n]+", ran.output) if line.strip()]
    return Outcome(verdict or "error", ran.wall, ran.cpu, " / ".join(lines[-2:])[-200:])


def word(pattern: str, text: str) -> Verdict | None:
    """Return the last verdict in a text; None if there is none."""
    found = re.findall(pattern, text, re.MULTILINE)
    return cast(Verdict, found[-1].lower()) if found else None


class Nnenum(Rival):
    """nnenum with its own settings, on all cores.

    Some operations are added to its list of affine operations; it computes these correctly once
    they are in the list. `eran` divides by constants, and `cgan` has normalizations and transposed
    convolutions.
    """

    name = "nnenum"
    variables = ("OUTRANGE_NNENUM", "OUTRANGE_NNENUM_PYTHON")
    module = "swiglpk"
    settings = ONE_THREAD
    start = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); from nnenum.nnenum import main; "
        "from nnenum.settings import Settings; "
        "Settings.ONNX_WHITELIST += ['Div', 'BatchNormalization', 'ConvTranspose']"
    )

    def idle(self) -> Command:
        return [self.path(1), "-c", self.start, self.path(0) / "src"]

    def ask(self, onnx: Path, vnnlib: Path, folder: Path, seconds: float) -> Outcome:
        result = folder / "result.txt"
        command = [self.path(1), "-c", f"{self.start}; main()", self.path(0) / "src"]
        ran = run([*command, onnx, vnnlib, str(seconds), result], folder, seconds, self.settings)
        known: dict[str, Verdict] = {"holds": "unsat", "violated": "sat", "timeout": "timeout"}
        verdict = known.get(result.read_text()) if result.exists() else None
        if verdict == "sat" and "network is UNSAFE with confirmed" not in ran.output:
            verdict = "unknown"  # It writes `violated` even where no input confirmed it.
        return judged(ran, verdict)


class Marabou(Rival):
    """Marabou with splits of the input space, one worker per core."""

    name = "Marabou"
    variables = ("OUTRANGE_MARABOU_PYTHON",)
    module = "maraboupy"
    start = "from maraboupy.MarabouMain import main; main()"

    def idle(self) -> Command:
        return [self.path(0), "-c", self.start, "--version"]

    def ask(self, onnx: Path, vnnlib: Path, folder: Path, seconds: float) -> Outcome:
        command = [self.path(0), "-c", self.start, onnx, vnnlib, "--verbosity=0", "--snc"]
        command += [f"--num-workers={WORKERS}", "--initial-divides=4"]
        ran = run([*command, f"--timeout={int(seconds) + 1}"], folder, seconds)
        return judged(ran, word(r"^(sat|unsat|TIMEOUT|UNKNOWN)$", ran.output))


BRANCH_AND_BOUND = ("--complete_verifier", "bab", "--batch_size", "256")
"""Options that replace its mixed-integer programs, which need a Gurobi license."""


class AlphaBetaCrown(Rival):
    """alpha-beta-CROWN on the CPU, all cores, with its own settings for a competition's family.

    The changes are: no mixed-integer programs and no cuts, which need Gurobi and CPLEX, and smaller
    batches than those for a GPU. A family without settings here gets those for ACAS Xu with fewer
    attack restarts. Networks of `cgan` are simplified beforehand, as in its own preparation, and
    that time does not count.
    """

    name = "alpha-beta-CROWN"
    variables = ("OUTRANGE_ABCROWN", "OUTRANGE_ABCROWN_PYTHON")
    module = "onnx2pytorch"
    acasxu = ("vnncomp21/acasxu.yaml", "--pgd_restarts", "100")
    sigmoid = ("vnncomp21/eran_sigmoid.yaml",)
    families: ClassVar[dict[str, tuple[str, ...]]] = {
        "cgan": ("vnncomp23/cgan.yaml",),
        "eran": ("vnncomp21/eran_mlp.yaml", *BRANCH_AND_BOUND),
        "lsnc": ("vnncomp24/lsnc.yaml",),
        "mnist_fc": ("vnncomp22/mnistfc.yaml", *BRANCH_AND_BOUND),
        "nn4sys": ("vnncomp23/nn4sys.yaml",),
        "oval21": ("vnncomp21/oval21.yaml", "--batch_size", "256"),
        "tllverifybench": ("vnncomp23/tllVerifyBench.yaml",),
    }

    @property
    def settings(self) -> Settings:
        return {"PYTHONPATH": str(self.path(0) / "auto_LiRPA")}

    def idle(self) -> Command:
        return [self.path(1), self.path(0) / "complete_verifier" / "abcrown.py", "--help"]

    def ask(self, onnx: Path, vnnlib: Path, folder: Path, seconds: float) -> Outcome:
        home, result = self.path(0) / "complete_verifier", folder / "result.txt"
        family = onnx.parents[1].name
        config, *changes = self.families.get(family, self.acasxu)
        if "SIGMOID" in onnx.name:
            config, *changes = self.sigmoid
        if family == "cgan":
            simplified = folder / "simplified.onnx"
            run([self.path(1).with_name("onnxsim"), onnx, simplified], folder, 300.0)
            onnx = simplified
        chosen = folder / "settings.yaml"
        chosen.write_text(without_cuts((home / "exp_configs" / config).read_text()))
        command = [self.path(1), home / "abcrown.py", "--config", chosen, "--device", "cpu"]
        command += ["--onnx_path", onnx, "--vnnlib_path", vnnlib, *changes]
        command += ["--results_file", result, "--timeout", str(seconds)]
        ran = run(command, folder, seconds, self.settings)
        verdict = word(r"^(sat|unsat|timeout)$", result.read_text() if result.exists() else "")
        if verdict == "timeout" and ran.wall < 0.9 * seconds:
            verdict = "unknown"  # It writes `timeout` for both.
        return judged(ran, "unknown" if verdict is None and ran.code == 0 else verdict)


def without_cuts(settings: str) -> str:
    """Return the settings without the block `bab: cut:`."""
    return re.sub(r"^  cut:\n(?:    .*\n)*", "", settings, flags=re.MULTILINE)


class ReluVal(Rival):
    """ReluVal on the ACAS Xu properties compiled into it, which are selected by file name.

    Its boxes round pi to 3.141592. Two of its questions differ from VNN-COMP's, which a changed
    copy of the network compensates: property 1 forbids y0 > 0.5011 instead of 3.99 (the output is
    shifted), and property 6 limits the distance to the network's maximum of 60760, while VNN-COMP
    goes to 62000 (the maximum is raised).
    """

    name = "ReluVal"
    variables = ("OUTRANGE_RELUVAL",)
    # The numbers of its questions and the advisory of each; the verdict is `unsat` if all are.
    questions: ClassVar[dict[str, tuple[tuple[int, int], ...]]] = {
        "prop_1": ((1, 0),), "prop_2": ((2, 0),), "prop_3": ((3, 0),), "prop_4": ((4, 0),),
        "prop_5": ((5, 4),), "prop_6": ((16, 0), (26, 0)), "prop_7": ((7, 4),),
        "prop_8": ((8, 1),), "prop_9": ((9, 3),), "prop_10": ((10, 0),),
    }  # fmt: skip

    def idle(self) -> Command:
        return [self.path(0) / "network_test"]

    def ask(self, onnx: Path, vnnlib: Path, folder: Path, seconds: float) -> Outcome:
        name, source = vnnlib.stem, self.path(0) / "nnet" / f"{onnx.stem}.nnet"
        if name not in self.questions or not source.exists():
            return Outcome("unsupported", 0.0, 0.0, f"no {name} or {source.name} in it")
        network = self.network(source, name, folder)
        # As in its scripts, first search for a counterexample where one exists; that mode proves
        # nothing.
        modes = ("1", "0") if name in ("prop_7", "prop_8") else ("0",)
        wall = cpu = 0.0
        for (question, target), mode in itertools.product(self.questions[name], modes):
            command = [self.path(0) / "network_test", str(question), network, str(target)]
            ran = run([*command, "0", "0", mode], folder, seconds - wall)
            wall, cpu = wall + ran.wall, cpu + ran.cpu
            total = Ran(ran.code, wall, cpu, ran.output)
            if ran.code != 0 or "\nadv found:" in ran.output:
                return judged(total, "sat" if ran.code == 0 else None)
            if mode == "0" and "\nNo adv!" not in ran.output:
                return judged(total, "unknown")
        return Outcome("unsat", wall, cpu, "No adv!")

    def network(self, source: Path, name: str, folder: Path) -> Path:
        """Return the changed network for which its question equals VNN-COMP's."""
        if name not in ("prop_1", "prop_6"):
            return source
        lines = source.read_text().splitlines()
        head = next(i for i, line in enumerate(lines) if not line.startswith("//"))
        if name == "prop_6":
            lines[head + 4] = "62000," + lines[head + 4].partition(",")[2]
        else:
            first = -int(lines[head].split(",")[2])
            lines[first] = f"{float(lines[first].rstrip(',')) - 3.991125645861615 + 0.5011!r},"
        (folder / source.name).write_text("\n".join(lines) + "\n")
        return folder / source.name


RIVALS: tuple[Verifier, ...] = (Nnenum(), ReluVal(), Marabou(), AlphaBetaCrown())
