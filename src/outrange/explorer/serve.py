"""Serves the page until Ctrl-C; the one file that imports uvicorn."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable

import uvicorn

from ..core import InputError
from ..search.common.parallel import single_blas_thread
from .app import application
from .exhibit import Exhibit
from .guard import Guard, checked_host, checked_token
from .messages import longest


CLOSING = 3
"""Seconds that open pages get at the end."""

SWITCHING = 5e-4
"""Seconds that a thread may keep the interpreter while another waits for it."""


def serve(
    exhibit: Exhibit,
    ready: Callable[[str], None],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
    allow_remote: bool = False,
) -> None:
    """Serve the page; returns after Ctrl-C.

    Args:
        exhibit: What is shown.
        ready: Called with the page's URL, token and all, once it can be opened.
        host: Address to listen on.
        port: Likewise; 0 for one that is free.
        token: What the page must know; a random one if None.
        allow_remote: Whether `host` may be an address that other machines reach.

    Raises:
        InputError: Others could reach the address, the token is weak, or the port is taken.
    """
    secret = checked_token(token)
    listening = _listen(checked_host(host, allow_remote), port)
    port = listening.getsockname()[1]
    app, pages = application(exhibit, Guard(host, port, secret))
    config = uvicorn.Config(
        app,
        access_log=False,  # it would hold the token
        log_level="warning",
        ws="websockets-sansio",
        # Longer ones close the connection; up to this size they are refused with a sentence.
        ws_max_size=16 * longest(exhibit.network.graph),
        timeout_graceful_shutdown=CLOSING,
        server_header=False,
    )
    # A thread that computes lets the one that talks to pages in within half a millisecond, not
    # five: an answer passes from one to the other several times.
    sys.setswitchinterval(SWITCHING)
    shown = f"[{host}]" if ":" in host else host
    try:
        ready(f"http://{shown}:{port}/?token={secret}")
        # Bounds and a search share the cores: a BLAS that waits for threads of its own is late.
        with single_blas_thread():
            uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        pass  # uvicorn ends its work first, and then passes Ctrl-C on
    finally:
        pages.close()
        listening.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        found = socket.create_server((host, port), family=family)
        # asyncio sends at once (TCP_NODELAY) where it sees that a socket is of TCP; else an answer
        # waits until the page has acknowledged the one before: 40 ms.
        return socket.socket(family, found.type, socket.IPPROTO_TCP, found.detach())
    except OverflowError:
        reason = "ports are 0 to 65535"
    except OSError as error:
        reason = error.strerror or str(error)
    raise InputError(
        f"The explorer cannot listen on {host}, port {port} ({reason}). Leave --port out for one "
        "that is free."
    )
