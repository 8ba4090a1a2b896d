"""Requirements for the rows of `closed_loop.py`, and published results of CROWN-Reach."""

from dataclasses import dataclass


LINES = 12
"""Largest number of lines that a user writes."""


@dataclass(frozen=True)
class Must:
    """The requirements for an answer, in addition to the right verdict.

    Args:
        seconds: Largest number of seconds for the whole call.
        margin: Smallest margin; None for any.
        loosest: Largest ratio of proved to simulated width, for any state at any time.
        at_the_end: The largest ratio after the last step.
        published: Verdict and seconds of CROWN-Reach in its authors' logs, with four threads on a
            server; empty if there are none.
    """

    seconds: float
    margin: float | None = None
    loosest: float | None = None
    at_the_end: float | None = None
    published: str = ""

    def missed(
        self, seconds: float, margin: float, loosest: float, at_the_end: float, lines: int
    ) -> list[str]:
        """Return the requirements that an answer does not meet."""
        found = [] if seconds <= self.seconds else [f"{self.seconds:g} s"]
        if lines > LINES:
            found.append(f"{LINES} lines")
        if self.margin is not None and not margin >= self.margin:
            found.append(f"margin {self.margin:g}")
        if self.loosest is not None and not loosest <= self.loosest:
            found.append(f"loosest {self.loosest:.7g}")
        if self.at_the_end is not None and not at_the_end <= self.at_the_end:
            found.append(f"at the end {self.at_the_end:g}")
        return found


MUSTS = {
    "D1 double integrator 5": Must(2, loosest=1 + 1e-6),
    "D2 single pendulum": Must(2),
    "D3 ACC": Must(15, margin=24.4),
    "D4 NAV set": Must(30),
    "D4 NAV point": Must(120),
    "D5 VCAS all": Must(30),
    "D5": Must(1),
    "D6": Must(60),
    "C1 single pendulum 1.2": Must(2),
    "C1 single pendulum": Must(3, published="ok 4.7"),
    "C2 ACC": Must(5, margin=22, published="ok 7.7"),
    "C3 TORA tanh": Must(5, at_the_end=1.05, published="ok"),
    "C3 TORA sigmoid": Must(5, at_the_end=1.05, published="ok 9.0"),
    "C4 TORA remain": Must(30, at_the_end=5, published="ok 8.3"),
    "C5 unicycle": Must(15, published="ok 10.4"),
    "C6 attitude": Must(10, published="ok 6.2"),
    "C7 double pendulum less": Must(120, published="ok 1107"),
    "C7 double pendulum more": Must(2, published="stops"),
    "C8 airplane": Must(2, published="fails"),
    "C9 NAV set": Must(30, published="ok 68"),
    "C9 NAV point": Must(300, published="ok 1479"),
    "C10 docking 0.14": Must(60),
    "C10 docking 0.28": Must(600, published="unknown 9.1"),
    "C11 quadrotor 1 %": Must(20),
    "C11 quadrotor": Must(1800, published="ok 47059"),
    "C12 cart pole 0.4": Must(600),
}
"""Requirements by the beginning of a row's name; the first that matches applies."""


def must_of(name: str) -> Must | None:
    """Return the requirements for a row; None if there are none."""
    return next((must for start, must in MUSTS.items() if name.startswith(start)), None)
