"""What stands before every request: token, rate, size of the body; what follows it: headers and counts."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any

from fastapi import HTTPException, Request
from prometheus_client import CollectorRegistry, Counter, Histogram

from oceanclean.serving.settings import ServingSettings
from oceanclean.serving.tokens import Token, TokenStore

#: Answers without a token, and says nothing but that the server runs.
HEALTH = "/healthz"
_HEADERS = [
    (b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"), (b"referrer-policy", b"no-referrer"),
]  # fmt: skip
#: Callers whose buckets are remembered.
_CALLERS = 10_000
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Rates:
    """Token buckets by caller: a minute's worth at once, then as fast as it fills again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str, per_minute: int) -> float:
        """Take one; seconds to wait before it can be taken, 0 where it was."""
        now = self._clock()
        level, then = self._buckets.pop(caller, (float(per_minute), now))
        level = min(float(per_minute), level + (now - then) * per_minute / 60)
        taken = level >= 1
        self._buckets[caller] = (level - 1 if taken else level, now)
        while len(self._buckets) > _CALLERS:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1 - level) * 60 / per_minute


class Counts:
    """Requests and their time, for Prometheus; by route, so that no caller can make new series."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("oceanclean_http_requests", "requests answered", ["method", "route", "status"],
                                registry=self.registry)  # fmt: skip
        self.seconds = Histogram("oceanclean_http_request_seconds", "time to answer", ["route"],
                                 registry=self.registry, buckets=(0.01, 0.05, 0.2, 1, 5, 30, 120))  # fmt: skip


class Gate:
    """ASGI middleware around the whole application: nothing behind it answers a caller without a token."""

    def __init__(self, app: Any, tokens: TokenStore, settings: ServingSettings, counts: Counts) -> None:
        self.app, self.tokens, self.settings, self.counts = app, tokens, settings, counts
        self.rates = Rates()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        started = time.monotonic()
        status = 500

        async def counted(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
            await send(message)

        refused = self._refused(scope)
        if refused is not None:
            await _answer(counted, *refused)
        else:
            await self.app(scope, receive, counted)
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self.counts.requests.labels(method, route, str(status)).inc()
        self.counts.seconds.labels(route).observe(time.monotonic() - started)

    def _refused(self, scope: Scope) -> tuple[int, dict[str, str]] | None:
        """Status and headers of a refusal; None where the request may go on. Puts the holder into the scope."""
        if scope["path"] == HEALTH:
            return None
        headers = {k.lower(): v for k, v in scope["headers"]}
        scheme, _, text = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        now = datetime.now(UTC)  # whether a token has expired is a matter of the clock
        holder = self.tokens.holder(text.strip(), now) if scheme.lower() == "bearer" else None
        if holder is None:
            address = (scope.get("client") or ("unknown",))[0]
            wait = self.rates.wait(f"address {address}", self.settings.wrong_tokens_per_minute)
            return _too_often(wait) if wait else (401, {"www-authenticate": 'Bearer realm="oceanclean"'})
        wait = self.rates.wait(holder.token_id, self.settings.requests_per_minute.get(holder.role, 60))
        if wait:
            return _too_often(wait)
        scope.setdefault("state", {})["holder"] = holder
        return None


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def _too_often(wait: float) -> tuple[int, dict[str, str]]:
    return 429, {"retry-after": str(max(1, round(wait + 0.5)))}


async def _answer(send: Send, status: int, headers: dict[str, str]) -> None:
    """A refusal without a body: it tells nothing."""
    raw = [(k.encode(), v.encode()) for k, v in headers.items()] + [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": b""})


def may(role: str) -> Callable[[Request], Token]:
    """A dependency that lets holders of a role in.

    Raises:
        HTTPException: 403 for holders of a lower role.
    """

    def check(request: Request) -> Token:
        holder: Token = request.state.holder
        if not holder.may(role):
            raise HTTPException(403, f"This needs the role {role}; the token has {holder.role}.")
        return holder

    return check
