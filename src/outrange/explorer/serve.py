"""Server of the explorer page. Only this module imports uvicorn."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable

import uvicorn

from ..core import InputError
from ..search.common.parallel import single_blas_thread
from .app import application
from .exhibit import Exhibit
from .guard import Guard, check_host, check_token
from .messages import max_length


CLOSING = 3
"""Time in seconds that open pages are given to close when the server ends."""

SWITCHING = 5e-4
"""Seconds for which a thread may run Python code while another thread waits."""


def serve(
    exhibit: Exhibit,
    ready: Callable[[str], None],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
    allow_remote: bool = False,
) -> None:
    """Serve the explorer page until Ctrl-C.

    Args:
        exhibit: Content of the page.
        ready: Function that is called with the page's URL, including the token, when the page can
            be opened.
        host: Address to listen on.
        port: Port to listen on; 0 for any free port.
        token: Secret that a page must send; a random token if None.
        allow_remote: Whether `host` may be an address that other machines can reach.

    Raises:
        InputError: Other machines could reach the address but `allow_remote` is False, the token is
            invalid, or the port cannot be used.
    """
    secret = check_token(token)
    listening = _listen(check_host(host, allow_remote), port)
    port = listening.getsockname()[1]
    app, pages = application(exhibit, Guard(host, port, secret))
    config = uvicorn.Config(
        app,
        access_log=False,  # The log would contain the token.
        log_level="warning",
        ws="websockets-sansio",
        # Longer messages close the connection; shorter ones can be refused with a sentence.
        ws_max_size=16 * max_length(exhibit.network.graph),
        timeout_graceful_shutdown=CLOSING,
        server_header=False,
    )
    # A computing thread must let the thread that talks to pages run within half a millisecond, not
    # five: an answer passes between them several times.
    sys.setswitchinterval(SWITCHING)
    shown = f"[{host}]" if ":" in host else host
    try:
        ready(f"http://{shown}:{port}/?token={secret}")
        # Bounds and a search share the cores; waiting BLAS threads would slow both down.
        with single_blas_thread():
            uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        pass  # uvicorn shuts down first, and then passes Ctrl-C on.
    finally:
        pages.close()
        listening.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        bound_socket = socket.create_server((host, port), family=family)
        # asyncio sets TCP_NODELAY only on sockets that are explicitly TCP. Without it an answer
        # waits 40 ms until the page has acknowledged the one before.
        kind = bound_socket.type
        return socket.socket(family, kind, socket.IPPROTO_TCP, bound_socket.detach())
    except OverflowError:
        reason = "ports are 0 to 65535"
    except OSError as error:
        reason = error.strerror or str(error)
    raise InputError(
        f"The explorer cannot listen on {host}, port {port} ({reason}). Leave --port out to "
        "use a free port."
    )
