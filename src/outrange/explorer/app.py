"""The page and its socket as an ASGI application. Only this module imports Starlette."""

from __future__ import annotations

import asyncio

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from .app_files import STATIC
from .exhibit import Exhibit
from .guard import Guard
from .session import Gone, Session


MOST_PAGES = 16
"""Maximum number of open pages, since each may keep the processor busy."""

SENDING = 10.0
"""Seconds that a page may take to accept a message before it is treated as disconnected."""

TRY_LATER, FORBIDDEN = 1013, 1008

HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self' ws://{host}; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'"
)


class Pages:
    """The request handlers of the page and its socket, and the sessions of all open pages.

    Args:
        exhibit: Content of the pages.
        guard: Access rules of the server.
    """

    def __init__(self, exhibit: Exhibit, guard: Guard) -> None:
        self._exhibit, self._guard = exhibit, guard
        self._open: set[Session] = set()

    async def page(self, request: Request) -> Response:
        """Return the page, or an error response if the request does not have the right token."""
        if not self._guard.knows_token(request.query_params.get("token")):
            return PlainTextResponse(
                "Open the address that `outrange explore` printed: the token in this address is "
                "missing, or the server was restarted with another token.",
                403,
            )
        return FileResponse(STATIC / "index.html")

    async def socket(self, websocket: WebSocket) -> None:
        """Answer the questions of one page until it disconnects."""
        is_trusted = self._guard.knows_origin(websocket.headers) and self._guard.knows_token(
            websocket.query_params.get("token")
        )
        if not is_trusted:
            await websocket.close(FORBIDDEN)
            return
        await websocket.accept()
        if len(self._open) >= MOST_PAGES:
            await websocket.close(TRY_LATER, "too many pages are open")
            return
        await self._talk(websocket)

    async def _talk(self, websocket: WebSocket) -> None:
        loop, turn = asyncio.get_running_loop(), asyncio.Lock()

        async def tell(text: str) -> None:
            async with turn:
                await websocket.send_text(text)

        def send(text: str) -> None:
            sending = tell(text)
            try:
                future = asyncio.run_coroutine_threadsafe(sending, loop)
            except RuntimeError:  # The loop has ended.
                sending.close()
                raise Gone from None
            try:
                future.result(SENDING)
            except Exception:
                future.cancel()
                raise Gone from None

        session = Session(self._exhibit, send)
        self._open.add(session)
        try:
            await tell(session.hello())
            while True:
                message = await websocket.receive()
                if message["type"] == "websocket.disconnect":
                    break
                text = message.get("text")
                refusal = session.receive(message.get("bytes") if text is None else text)
                if refusal is not None:
                    await tell(refusal)
        except (WebSocketDisconnect, RuntimeError):
            pass  # The page disconnected while a message was being sent.
        finally:
            self._open.discard(session)
            session.close()

    def close(self) -> None:
        """Stop the computations for all pages, and wait briefly until they have stopped."""
        sessions = list(self._open)
        for session in sessions:
            session.close()
        for session in sessions:
            session.join()


class Guarded:
    """Middleware that rejects requests for other hosts and adds security headers.

    Args:
        app: The application to guard.
        guard: Access rules of the server.
    """

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app, self._guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host")
        is_ours = self._guard.knows_host(host)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                shown = host if is_ours and host else "localhost"
                headers["Content-Security-Policy"] = POLICY.format(host=shown)
            await send(message)

        if is_ours:
            await self._app(scope, receive, send_with_headers)
        elif scope["type"] == "websocket":
            await WebSocket(scope, receive, send).close(FORBIDDEN)
        else:
            refusal = PlainTextResponse("This server has a different host name.", 421)
            await refusal(scope, receive, send_with_headers)


def application(exhibit: Exhibit, guard: Guard) -> tuple[ASGIApp, Pages]:
    """Return the application and its pages; the caller must close the pages at the end.

    Args:
        exhibit: Content of the pages.
        guard: Access rules of the server.
    """
    pages = Pages(exhibit, guard)
    routes = [
        Route("/", pages.page),
        WebSocketRoute("/socket", pages.socket),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    return Guarded(Starlette(routes=routes), guard), pages
