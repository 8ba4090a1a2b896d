"""A scripted executor whose workers are lost, hang or fail."""

from concurrent.futures import BrokenExecutor, Executor, Future

from outrange.executors.pool import ExecutorPool


class Lost(Exception):
    """The error of a task whose worker was lost."""


class Scripted(Executor):
    """An executor that handles each task as scripted: do, lose, hang or break.

    After the script it does every task. `"break"` imitates a process pool after one of its
    processes is killed: this task and all later ones raise `BrokenExecutor`.
    """

    is_broken = False

    def __init__(self, *script, workers=2):
        self.script, self.calls, self._max_workers = list(script), 0, workers

    def submit(self, work, /, *arguments, **options):
        """Return a future that is done at once, or never."""
        self.calls += 1
        action = self.script.pop(0) if self.script else "do"
        future = Future()
        if action == "break":
            self.is_broken = True
            future.set_exception(BrokenExecutor("a process was killed"))
        elif self.is_broken:
            raise BrokenExecutor("a process was killed")
        if action == "lose":
            future.set_exception(Lost())
        elif action == "do":
            try:
                future.set_result(work(*arguments))
            except Exception as error:
                future.set_exception(error)
        return future


class ScriptedPool(ExecutorPool):
    """The scripted executor as a pool."""

    def is_loss(self, error):
        """Return whether the error reports a lost worker."""
        return isinstance(error, Lost)
