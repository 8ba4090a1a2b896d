"""Who may ask: a page of this server, on this machine, that knows the token."""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..core import InputError


TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")


@dataclass(frozen=True)
class Guard:
    """Checks the headers of every request.

    A name in `Host` that is not this machine's would be one that someone else points at it (DNS
    rebinding); an `Origin` that is not this server's is a page of somebody else.

    Args:
        host: Where the server listens.
        port: Likewise.
        token: What the page must know.
    """

    host: str
    port: int
    token: str

    @property
    def is_local(self) -> bool:
        """Whether nothing but this machine can reach it."""
        return is_loopback(self.host)

    def knows_host(self, host: str | None) -> bool:
        """Whether a `Host` header names this server.

        Args:
            host: Its value; None without one.
        """
        try:
            parts = urlsplit(f"//{host or ''}")
            name, port = parts.hostname or "", parts.port
        except ValueError:
            return False
        # Only the plain form: what a parser skips would be copied into a header.
        plain = f"[{name}]" if ":" in name else name
        if (host or "").lower() not in (plain, f"{plain}:{port}") or (port or 80) != self.port:
            return False
        if self.is_local:
            return is_loopback(name)
        return name == self.host.lower() or _address(name) is not None

    def knows_origin(self, headers: Mapping[str, str]) -> bool:
        """Whether the request comes from a page of this server.

        Args:
            headers: Of the request; `host` has been checked.
        """
        return headers.get("origin") == f"http://{headers.get('host')}"

    def knows_token(self, token: str | None) -> bool:
        """Whether the token is right; how long that takes does not depend on it.

        Args:
            token: What came; None if nothing did.
        """
        return hmac.compare_digest((token or "").encode(), self.token.encode())


def is_loopback(name: str) -> bool:
    """Whether a name or an address is of this machine alone."""
    if name == "localhost":
        return True
    address = _address(name)
    return address is not None and address.is_loopback


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if "%" in name:  # the zone of an IPv6 address, which may be any text
        return None
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def checked_token(token: str | None) -> str:
    """The token to use: a random one where none is given.

    Raises:
        InputError: It is short, or would not survive in a URL.
    """
    if token is None:
        return secrets.token_urlsafe(24)
    if not TOKEN.fullmatch(token):
        raise InputError(
            "--token is 16 to 128 letters, digits, `-` and `_`: other users of this machine reach "
            "the page too, and could guess a short one. Leave it out for a random one. "
            f"Received: one of {len(token)} characters."
        )
    return token


def checked_host(host: str, allow_remote: bool) -> str:
    """The address to listen on.

    Raises:
        InputError: Others than this machine could reach it, and nobody said that they may.
    """
    if not allow_remote and not is_loopback(host):
        raise InputError(
            "The explorer listens on this machine alone, unless --allow-remote says otherwise: "
            "whoever reaches the address and has the token can then use the model. "
            f"Received: --host {host}."
        )
    return host
