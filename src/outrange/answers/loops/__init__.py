"""Answers about closed loops: the verdict, the pipe of reachable boxes, a trajectory."""

from .loop import Loop as Loop
from .pipe import Pipe as Pipe
from .trajectory import LoopTrajectory as LoopTrajectory
