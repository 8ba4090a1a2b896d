"""A running `outrange explore`, and Chromium to look at it."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest


TOKEN = "a-token-of-this-test"

PATIENCE = 120
"""Seconds until a server that does not end is given up."""

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def chromium():
    """Return the browser's path, or skip the test without one."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("needs Debian's chromium: make browser installs it")
    return path


class Server:
    """A running command, started as by a user; it can restart on the same port."""

    def __init__(self, model, box=("--box", "-1", "1")):
        self.model, self.box, self.port, self.process = model, box, 0, None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/?token={TOKEN}"

    def start(self):
        command = [sys.executable, "-m", "outrange", "explore", self.model, "--token", TOKEN]
        command += ["--port", str(self.port), *self.box]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
        )
        line = self.process.stdout.readline()
        assert TOKEN in line, line + self.process.stderr.read()
        self.port = int(line.split("127.0.0.1:")[1].split("/")[0])
        return self

    def stop(self):
        """Send Ctrl-C; return the exit code and stderr."""
        self.process.send_signal(signal.SIGINT)
        _, error = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, error

    @contextmanager
    def running(self):
        try:
            yield self.start()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()


@contextmanager
def browser():
    """Start Chromium, driven by Playwright."""
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as play:
        chrome = play.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield chrome
        chrome.close()


DRAG = """
async ([count, every, from, to]) => {
  const root = document.querySelector(".outrange-explorer");
  const thumbs = document.querySelectorAll(".or-thumb");
  const waits = [];
  const asks = new MutationObserver(() => {
    for (const wait of waits) wait.id ??= Number(root.dataset.asked);
  });
  asks.observe(root, { attributeFilter: ["data-asked"] });
  const answers = new MutationObserver(() => {
    const [now, id] = [performance.now(), Number(root.dataset.shown)];
    for (const wait of waits) {
      if (wait.id === undefined || id < wait.id) continue;
      wait.first ??= now - wait.begin;
      if (id === wait.id && root.dataset.stage === "done") wait.exact ??= now - wait.begin;
    }
  });
  answers.observe(root, { attributeFilter: ["data-shown", "data-stage"] });
  for (let k = 0; k < count; k += 1) {
    const thumb = thumbs[1];
    waits.push({ begin: performance.now() });
    thumb.value = Math.round(from + (to - from) * (0.5 - 0.5 * Math.cos((k * 6.28) / count)));
    thumb.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((then) => setTimeout(then, every));
  }
  await new Promise((then) => setTimeout(then, 1000));
  return waits.map((wait) => [wait.first ?? null, wait.exact ?? null]);
}
"""
"""Drags the upper thumb of the first input; milliseconds from each event to new ranges."""
