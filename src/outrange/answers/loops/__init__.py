"""Answers about closed loops: the verdict, the pipe, a trajectory."""

from .loop import Loop as Loop
from .pipe import Pipe as Pipe
from .reach_sets import LoopReachSets as LoopReachSets
from .trajectory import LoopTrajectory as LoopTrajectory
