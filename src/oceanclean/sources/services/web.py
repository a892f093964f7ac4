"""HTTP as services need it: guarded, retried, paced, timed out, resumed, checked; secrets stay out of every message."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.retry import Retry

from oceanclean import __version__
from oceanclean.errors import InputError, MissingDataError
from oceanclean.guard import Guard
from oceanclean.sources.services.settings import WebSettings

if TYPE_CHECKING:
    from socket import socket

#: Answers after which a second call makes sense.
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_CHUNK = 1 << 16
#: Multihash prefixes of STAC's ``file:checksum`` (length included) and the hash each names.
_MULTIHASH = {"1220": "sha256", "1114": "sha1", "1340": "sha512", "d50110": "md5"}


def shown(url: str) -> str:
    """An address as it may stand in a message or record: without query, name and password."""
    parts = urlsplit(str(url))
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _pool(base: type, connection: type, guard: Guard) -> type:
    """A connection pool whose connections are judged by their real address before a byte is sent."""

    class Guarded(connection):  # type: ignore[misc, valid-type]
        def _new_conn(self) -> socket:
            sock: socket = super()._new_conn()
            try:
                guard.check_peer(self.host, self.port, sock.getpeername()[0])
            except InputError:
                sock.close()
                raise
            return sock

    return type("GuardedPool", (base,), {"ConnectionCls": Guarded})


class _Adapter(HTTPAdapter):
    """Checks, paces and times out every call, those after a redirect too."""

    def __init__(self, guard: Guard, settings: WebSettings, pace: Callable[[], None]) -> None:
        self._guard, self._settings, self._pace = guard, settings, pace
        tries = settings.tries - 1
        super().__init__(max_retries=Retry(
            total=tries, connect=tries, read=tries, status=tries, redirect=5, status_forcelist=_PASSING,
            allowed_methods={"GET", "HEAD", "POST"}, backoff_factor=settings.backoff_s, backoff_jitter=0.2,
            respect_retry_after_header=True, retry_after_max=settings.retry_after_max_s, raise_on_status=False,
        ))  # fmt: skip

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _pool(HTTPConnectionPool, HTTPConnection, self._guard),
            "https": _pool(HTTPSConnectionPool, HTTPSConnection, self._guard),
        }

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        self._guard.check(request.url)
        self._pace()
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = (self._settings.connect_s, self._settings.read_s)
        return super().send(request, *args, **kwargs)


class Web:
    """Calls to one service.

    Args:
        endpoints: configured addresses of the service and of the hosts it may hand over to.
        settings: time-outs, tries and pace.
        secrets: values that must never stand in a message.
        tokens: gives the ``Authorization`` header for calls to configured hosts.
        deadline: of ``time.monotonic()``, after which no call is made; by default ``budget_s`` from now.
    """

    def __init__(
        self, endpoints: Iterable[str], settings: WebSettings, *, secrets: Iterable[str] = (),
        tokens: Callable[[], str] | None = None, deadline: float | None = None,
    ) -> None:  # fmt: skip
        self.settings, self.guard = settings, Guard(endpoints)
        self._secrets = [s for s in secrets if s]
        self._tokens = tokens
        self._lock, self._next = threading.Lock(), 0.0
        self.deadline = time.monotonic() + settings.budget_s if deadline is None else deadline
        self.session = requests.Session()
        self.session.headers["User-Agent"] = f"oceanclean/{__version__}"
        adapter = _Adapter(self.guard, settings, self._pace)
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, adapter)

    def _pace(self) -> None:
        """Wait until the next call is due; give up when the source's time is spent."""
        self.check_time()
        with self._lock:
            wait = self._next - time.monotonic()
            self._next = max(self._next, time.monotonic()) + 1 / self.settings.per_second
        if wait > 0:
            time.sleep(wait)

    def check_time(self) -> None:
        """Give up when the source's time is spent.

        Raises:
            MissingDataError: it is.
        """
        if time.monotonic() > self.deadline:
            raise MissingDataError("service", "time", f"not done after {self.settings.budget_s:g} s",
                                   "an answer in time", "What came is kept for the next call.")  # fmt: skip

    def hide(self, *secrets: str) -> None:
        """Keep further values out of every message."""
        self._secrets += [s for s in secrets if s]

    def said(self, text: object) -> str:
        """A text without secrets and without what follows a ``?`` in addresses."""
        out = re.sub(r"(https?://[^\s?'\"]+)\?[^\s'\"]*", r"\1", str(text))
        out = re.sub(r"(https?://)[^\s/@]+@", r"\1", out)
        for secret in self._secrets:
            out = out.replace(secret, "***")
        return out[:300]

    def get(self, url: str, *, headers: Mapping[str, str] | None = None, stream: bool = False,
            params: Mapping[str, Any] | None = None) -> requests.Response:  # fmt: skip
        """Call an address; passing faults are tried again.

        Raises:
            MissingDataError: no good answer after all tries.
            InputError: the address may not be called.
        """
        own = dict(headers or {})
        if self._tokens is not None and self.guard.owns(url):
            own["Authorization"] = self._tokens()
        try:
            answer = self.session.get(url, headers=own, stream=stream, params=params)
        except requests.RequestException as error:
            self._failed(url, error)
        if answer.status_code not in (200, 206, 404, 416):
            answer.close()
            self._failed(url, f"status {answer.status_code} {answer.reason}")
        return answer

    def _failed(self, url: str, what: object) -> NoReturn:
        found = self.said(what) if isinstance(what, str) else f"{type(what).__name__}: {self.said(what)}"
        raise MissingDataError(shown(url), "answer", found, "a good answer", "The service is down, busy or refuses "
                               "the account; it is called again at the next fetch.") from None  # fmt: skip

    def json(self, url: str, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON that an address answers.

        Raises:
            MissingDataError: no good answer, or it is no JSON.
        """
        answer = self.get(url, params=params)
        if answer.status_code != 200:
            self._failed(url, f"status {answer.status_code}")
        try:
            return answer.json()
        except ValueError:
            self._failed(url, f"{len(answer.content)} bytes that are no JSON")

    def download(self, url: str, target: Path, checksum: str = "") -> Path:
        """Fetch a file whole; what an earlier, broken transfer left beside it is carried on.

        Args:
            url: the address.
            target: the file; ``<name>.part`` beside it holds what has come so far.
            checksum: multihash in hex (``file:checksum`` of STAC); empty where nobody says it.

        Raises:
            MissingDataError: no good answer, a body that breaks off at every try, a wrong checksum, too large.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        last: object = "nothing"
        for _ in range(self.settings.tries):
            try:
                if self._carry_on(url, part):
                    break
            except (requests.RequestException, OSError) as error:
                last = error  # what came so far stays in the part file
        else:
            self._failed(url, last if isinstance(last, str) else f"the body broke off: {self.said(last)}")
        wrong = mismatch(part, checksum)
        if wrong:
            part.unlink()
            self._failed(url, wrong)
        return part.replace(target)

    def _carry_on(self, url: str, part: Path) -> bool:
        """One try at a body, from where the part file ends; True when it is whole."""
        etag = part.with_name(part.name + ".etag")
        have = part.stat().st_size if part.is_file() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        if have and etag.is_file():
            headers["If-Range"] = etag.read_text(encoding="utf-8")
        headers["Accept-Encoding"] = "identity"
        with self.get(url, headers=headers, stream=True) as answer:
            if answer.status_code == 416 and have == _total(answer):
                return True
            if answer.status_code in (404, 416):
                part.unlink(missing_ok=True)
                if answer.status_code == 404:
                    self._failed(url, "status 404")
                return False
            total = _total(answer)
            if total is not None and total > self.settings.max_file_gib * 2**30:
                self._failed(url, f"a file of {total / 2**30:.1f} GiB")
            if tag := answer.headers.get("ETag", ""):
                etag.write_text(tag, encoding="utf-8")
            with part.open("ab" if answer.status_code == 206 else "wb") as file:
                for chunk in answer.iter_content(_CHUNK):
                    file.write(chunk)
                    self.check_time()
                    if file.tell() > self.settings.max_file_gib * 2**30:
                        self._failed(url, f"more than {self.settings.max_file_gib:g} GiB")
                size = file.tell()
        etag.unlink(missing_ok=True)
        return total is None or size == total


def _total(answer: requests.Response) -> int | None:
    """Size of the whole file, as an answer says it."""
    span = re.search(r"/(\d+)$", answer.headers.get("Content-Range", ""))
    if span:
        return int(span.group(1))
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isdigit() and answer.status_code == 200 else None


def mismatch(path: Path, checksum: str) -> str:
    """What is wrong with a file's checksum; empty where it holds or cannot be judged."""
    if not checksum:
        return ""
    for prefix, name in _MULTIHASH.items():
        if checksum.lower().startswith(prefix):
            with path.open("rb") as file:
                found = hashlib.file_digest(file, name).hexdigest()
            wanted = checksum.lower()[len(prefix) :]
            return "" if found == wanted else f"{name} {found[:12]}…, not {wanted[:12]}…"
    return ""
