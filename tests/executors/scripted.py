"""An executor whose workers are lost, hang or fail when a script says so."""

from concurrent.futures import BrokenExecutor, Executor, Future

from outrange.executors.pool import ExecutorPool


class Lost(Exception):
    """What a task of a lost worker raises."""


class Scripted(Executor):
    """Handles each task as scripted: `"do"` (also at the end), `"lose"`, `"hang"` or `"break"`.

    `"break"` is what a process pool does once a process of it is killed: this task and all later
    ones raise `BrokenExecutor`.
    """

    is_broken = False

    def __init__(self, *script, workers=2):
        self.script, self.calls, self._max_workers = list(script), 0, workers

    def submit(self, work, /, *arguments, **options):
        """Done at once, or never."""
        self.calls += 1
        what = self.script.pop(0) if self.script else "do"
        future = Future()
        if what == "break":
            self.is_broken = True
            future.set_exception(BrokenExecutor("a process was killed"))
        elif self.is_broken:
            raise BrokenExecutor("a process was killed")
        if what == "lose":
            future.set_exception(Lost())
        elif what == "do":
            try:
                future.set_result(work(*arguments))
            except Exception as error:
                future.set_exception(error)
        return future


class ScriptedPool(ExecutorPool):
    """That executor as a pool."""

    def is_loss(self, error):
        """As those of Dask are told."""
        return isinstance(error, Lost)
