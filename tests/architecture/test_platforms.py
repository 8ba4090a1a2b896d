"""Code checks for functions that only some operating systems have before it uses them."""

import ast

from architecture.source import files, name, nodes, tree


MODULES = set(
    "crypt fcntl grp msvcrt posix pty pwd resource select syslog termios tty winreg".split()
)
FUNCTIONS = {
    "os": set(
        "chown chroot ctermid fchmod fchown fork forkpty getegid geteuid getgid getgroups "
        "getloadavg getpgid getpgrp getppid getpriority getresuid getsid getuid killpg lchown "
        "mkfifo nice openpty posix_fadvise posix_spawn pread preadv pwrite pwritev "
        "sched_getaffinity sched_setaffinity sched_yield setgid setpgid setsid setuid statvfs "
        "sync sysconf tcgetpgrp uname wait wait3 wait4 O_BINARY O_CLOEXEC O_DIRECTORY".split()
    ),
    "signal": set(
        "SIGALRM SIGHUP SIGKILL SIGPIPE SIGQUIT SIGTSTP SIGUSR1 SIGUSR2 SIGWINCH alarm pause "
        "pthread_kill pthread_sigmask setitimer sigwait".split()
    ),
    "subprocess": {"preexec_fn", "start_new_session"},
}
ERRORS = {"ImportError", "AttributeError", "ModuleNotFoundError"}


def _caught(node):
    """Return whether a `try` handles a missing module or attribute."""
    named = {
        word.id for h in node.handlers if h.type for word in ast.walk(h.type)
        if isinstance(word, ast.Name)
    }  # fmt: skip
    return bool(named & ERRORS)


def _asks(node):
    calls = (n.func for n in ast.walk(node) if isinstance(n, ast.Call))
    return any(isinstance(f, ast.Name) and f.id == "hasattr" for f in calls)


def _find_assumptions(path):
    assumptions = []

    def look(node, guarded):
        if isinstance(node, ast.Try) and _caught(node):
            guarded = True
        if isinstance(node, ast.FunctionDef) and _asks(node):
            guarded = True
        if not guarded and isinstance(node, TELLING):
            assumptions.extend((node.lineno, word) for word in _words(node))
        for child in ast.iter_child_nodes(node):
            look(child, guarded)

    look(tree(path), False)
    return assumptions


TELLING = ast.Import | ast.ImportFrom | ast.Attribute | ast.keyword | ast.Constant
"""Nodes with a name of something in them."""


def _words(node):
    match node:
        case ast.Import(names=names):
            return [n.name for n in names if n.name.split(".")[0] in MODULES]
        case ast.ImportFrom(module=str(module), level=0) if module.split(".")[0] in MODULES:
            return [module]
        case ast.Attribute(value=ast.Name(id=owner), attr=word):
            return [f"{owner}.{word}"] if word in FUNCTIONS.get(owner, ()) else []
        case ast.keyword(arg=str(word)) if word in FUNCTIONS["subprocess"]:
            return [word]
        case ast.Constant(value=str(text)) if text.startswith(("/proc", "/dev/", "/tmp")):
            return [text]
    return []


def test_no_system_is_assumed():
    wrong = [f"{name(p)}:{line}: {word}" for p in files() for line, word in _find_assumptions(p)]
    assert not wrong, "not on every system, and nothing asks:\n" + "\n".join(wrong)


def test_what_is_not_asked_for_is_found(tmp_path):
    file = tmp_path / "bad.py"
    file.write_text("import fcntl, os\nos.pread(0, 1, 0)\nopen('/proc/cpuinfo')\n")
    assert _find_assumptions(file) == [(1, "fcntl"), (2, "os.pread"), (3, "/proc/cpuinfo")]
    file.with_name("good.py").write_text(
        "try:\n    import fcntl\nexcept ImportError:\n    fcntl = None\n"
    )
    assert _find_assumptions(file.with_name("good.py")) == []


def test_text_files_name_their_encoding():
    """Windows reads them as something else than UTF-8 unless told."""
    wrong = []
    for path in files():
        for node in nodes(path):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            at = {"read_text": 0, "write_text": 1}.get(node.func.attr)
            if at is None or any(k.arg == "encoding" for k in node.keywords):
                continue
            if len(node.args) <= at:
                wrong.append(f"{name(path)}:{node.lineno}")
    assert not wrong
