"""Access rules: only a page of this server that has the token may ask questions."""

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
    """Access rules that check the headers and the token of a request.

    A foreign name in the `Host` header may be a name that an attacker resolves to this machine (DNS
    rebinding). A foreign origin shows that the request comes from a page of another server.

    Args:
        host: Address on which the server listens.
        port: Port on which the server listens.
        token: Secret that a page must send.
    """

    host: str
    port: int
    token: str

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)

    def knows_host(self, host: str | None) -> bool:
        """Return whether a `Host` header identifies this server.

        Args:
            host: Value of the header; None if the request has none.
        """
        try:
            parts = urlsplit(f"//{host or ''}")
            name, port = parts.hostname or "", parts.port
        except ValueError:
            return False
        # Accept only the plain form: text that a parser skips would be copied into a header.
        plain = f"[{name}]" if ":" in name else name
        if (host or "").lower() not in (plain, f"{plain}:{port}") or (port or 80) != self.port:
            return False
        if self.is_local:
            return is_loopback(name)
        return name == self.host.lower() or _address(name) is not None

    def knows_origin(self, headers: Mapping[str, str]) -> bool:
        """Return whether the request comes from a page of this server.

        Args:
            headers: Headers of the request; `host` has been checked.
        """
        return headers.get("origin") == f"http://{headers.get('host')}"

    def knows_token(self, token: str | None) -> bool:
        """Return whether the token is correct; the comparison takes constant time.

        Args:
            token: Token of the request; None if the request has none.
        """
        return hmac.compare_digest((token or "").encode(), self.token.encode())


def is_loopback(name: str) -> bool:
    """Return whether a host name or an address can be reached only from this machine."""
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


def check_token(token: str | None) -> str:
    """Check the user's token and return it; return a random token if it is None.

    Raises:
        InputError: The token is too short or too long, or has characters other than letters,
            digits, `-` and `_`.
    """
    if token is None:
        return secrets.token_urlsafe(24)
    if not TOKEN.fullmatch(token):
        raise InputError(
            "--token must be 16 to 128 letters, digits, `-` and `_`: other users of this machine "
            "can reach the page too, and could guess a short token. Leave --token out to get a "
            f"random token. Received: a token of {len(token)} characters."
        )
    return token


def check_host(host: str, allow_remote: bool) -> str:
    """Check the address to listen on and return it.

    Raises:
        InputError: Other machines could reach the address, and `allow_remote` is False.
    """
    if not allow_remote and not is_loopback(host):
        raise InputError(
            "Without --allow-remote, --host must be an address that only this machine can reach, "
            "such as 127.0.0.1. With --allow-remote, anyone who can reach the address and has the "
            f"token can use the model. Received: --host {host}."
        )
    return host
