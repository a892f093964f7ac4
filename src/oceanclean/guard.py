"""Which addresses may be called: what a service's answer names is not trusted (server-side request forgery).

An answer of a catalogue holds links. A link to ``file://``, to this machine or into its network would make the fetcher
read what the catalogue's operator could not. The configured endpoint itself may stand anywhere; every other host must
be public. Names are judged by the address that the connection really has, so that a name that resolves to another
address at its second look-up is caught too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from oceanclean.errors import InputError

_PORTS = {"http": 80, "https": 443}


class Guard:
    """Lets calls through to the configured endpoints and to public hosts.

    Args:
        endpoints: addresses that a person has configured.
    """

    def __init__(self, endpoints: Iterable[str]) -> None:
        self._own = {place for place in map(_place, endpoints) if place[0]}

    def owns(self, url: str) -> bool:
        """Whether an address is on a configured host and port."""
        return _place(url) in self._own

    def check(self, url: str) -> str:
        """An address that may be called; the address itself.

        Raises:
            InputError: not HTTP, with a name and password in it, or a private host that is not configured.
        """
        parts = urlsplit(url)
        host, _port = _place(url)
        if parts.scheme not in _PORTS or not host:
            raise _refused(url, f"scheme {parts.scheme or 'none'!r}", "http or https")
        if parts.username or parts.password:
            raise _refused(url, "a name and password in the address", "an address without them")
        if not self.owns(url) and (host == "localhost" or host.endswith(".localhost") or _private(host)):
            raise _refused(url, "a private host", "a public one, or the configured endpoint")
        return url

    def check_peer(self, host: str, port: int, address: str) -> None:
        """Judge a connection by the address it has.

        Raises:
            InputError: a private address under a name that is not configured.
        """
        if (host.strip("[]").lower().rstrip("."), port) not in self._own and _private(address):
            raise _refused(f"//{host}:{port}", f"the private address {address}", "a public one")


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    try:
        return (parts.hostname or "").lower().rstrip("."), parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", 0


def _private(host: str) -> bool:
    """Whether a literal address is anything but a public unicast one; a name is not judged here."""
    try:
        address: Any = ipaddress.ip_address(host.split("%")[0].strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return not address.is_global or address.is_multicast


def _refused(url: str, found: str, expected: str) -> InputError:
    parts = urlsplit(url)
    shown = f"{parts.scheme or 'link'}://{parts.hostname or ''}{parts.path[:80]}"
    return InputError(shown, "link of a service's answer", found, expected,
                      "It was not followed. If the host is right, name it in the service's options.")  # fmt: skip
