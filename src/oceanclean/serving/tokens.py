"""Tokens with roles. The file holds digests: who reads it cannot call the server.

A token is ``oc_<id>_<secret>``; the secret has 256 random bits, so that a plain SHA-256 of it cannot be searched.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from oceanclean.errors import InputError
from oceanclean.store import lock, read_json, write_json

#: Each role may do what those before it may.
ROLES = ("viewer", "planner", "admin")
_FORM = re.compile(r"oc_([0-9a-f]{12})_([A-Za-z0-9_-]{20,100})")


@dataclass(frozen=True)
class Token:
    """A token as it is stored.

    Attributes:
        token_id: part of the token that names it.
        owner: who holds it.
        role: one of :data:`ROLES`.
        sha256: digest of its secret.
        made: ISO 8601 UTC.
        expires: ISO 8601 UTC.
    """

    token_id: str
    owner: str
    role: str
    sha256: str
    made: str
    expires: str

    def may(self, role: str) -> bool:
        """Whether the holder may do what a role may."""
        return ROLES.index(self.role) >= ROLES.index(role)


class TokenStore:
    """The tokens of a work folder, ``<work>/serving/tokens.json``, readable by its owner alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: tuple[int, dict[str, Token]] = (-1, {})

    @classmethod
    def of(cls, work: Path) -> TokenStore:
        """Those of a work folder."""
        return cls(work / "serving" / "tokens.json")

    def tokens(self) -> dict[str, Token]:
        """By id; read again when the file has changed."""
        if not self.path.is_file():
            return {}
        stamp = self.path.stat().st_mtime_ns
        if stamp != self._read[0]:
            self._read = (stamp, {k: Token(**v) for k, v in read_json(self.path).items()})
        return self._read[1]

    def add(self, owner: str, role: str, *, now: datetime, days: int) -> str:
        """Make a token; it is shown once and cannot be read again.

        Raises:
            InputError: unknown role, or nobody named.
        """
        if role not in ROLES or not owner.strip():
            raise InputError("command line", "--role, --owner", (role, owner), f"one of {ROLES}, and a name",
                             "Say who holds it and what they may do.")  # fmt: skip
        name, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        stamps = [t.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for t in (now, now + timedelta(days=days))]
        token = Token(name, owner.strip(), role, _digest(secret), *stamps)
        with lock(self.path.with_suffix(".lock"), "The token file", wait_s=10):
            self._write({**self.tokens(), name: token})
        return f"oc_{name}_{secret}"

    def revoke(self, token_id: str) -> Token:
        """Take a token out.

        Raises:
            InputError: no such token.
        """
        with lock(self.path.with_suffix(".lock"), "The token file", wait_s=10):
            left = dict(self.tokens())
            if token_id not in left:
                raise InputError(self.path, "token", repr(token_id), f"one of {sorted(left)}", "See tokens list.")
            gone = left.pop(token_id)
            self._write(left)
        return gone

    def _write(self, tokens: dict[str, Token]) -> None:
        write_json(self.path, {k: asdict(v) for k, v in tokens.items()})
        self.path.chmod(0o600)
        self._read = (-1, {})

    def holder(self, text: str, now: datetime) -> Token | None:
        """The stored token that a presented one is; None where it is unknown, wrong or expired."""
        found = _FORM.fullmatch(text)
        if found is None:
            return None
        token = self.tokens().get(found[1])
        # a digest is compared even for an unknown id, so that the time taken does not tell which ids exist
        right = hmac.compare_digest(_digest(found[2]), token.sha256 if token else _digest("nobody"))
        if token is None or not right or datetime.fromisoformat(token.expires) <= now:
            return None
        return token


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
