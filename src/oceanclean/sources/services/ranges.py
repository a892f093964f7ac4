"""A file that stands behind HTTP, read in blocks by ranges, as a Python file: what GDAL reads a COG through."""

from __future__ import annotations

import contextlib
import io
import re
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import requests

from oceanclean.errors import MissingDataError
from oceanclean.sources.services.web import Web, shown

if TYPE_CHECKING:
    import rasterio

_NAME = "asset.tif"
_KEPT_BLOCKS = 64


class RangeFile(io.RawIOBase):
    """Reads a remote file by whole blocks; the latest blocks are kept.

    Args:
        web: calls.
        url: the file.

    Raises:
        MissingDataError: no answer, no ranges, or the file changed while it was read.
    """

    def __init__(self, web: Web, url: str) -> None:
        super().__init__()
        self._web, self._url, self._block = web, url, web.settings.range_block_kib * 1024
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._position, self._tag, self.size = 0, "", 0
        self._load(0)

    def _load(self, number: int) -> bytes:
        """A block, from those kept or from the service; a body that breaks off is asked for again."""
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        first = number * self._block
        last: object = ""
        for _ in range(self._web.settings.tries):
            try:
                body = self._ask(first, first + self._block - 1)
                break
            except requests.RequestException as error:
                last = self._web.said(error)
        else:
            raise MissingDataError(shown(self._url), "range", f"a body that breaks off ({last})", "the bytes asked for",
                                   "It is called again at the next fetch.")  # fmt: skip
        self._blocks[number] = body
        if len(self._blocks) > _KEPT_BLOCKS:
            self._blocks.popitem(last=False)
        return body

    def _ask(self, first: int, last: int) -> bytes:
        headers = {"Range": f"bytes={first}-{last}", "Accept-Encoding": "identity"}
        answer = self._web.get(self._url, headers=headers, stream=True)
        with answer:
            span = re.search(r"bytes (\d+)-(\d+)/(\d+)$", answer.headers.get("Content-Range", ""))
            if answer.status_code != 206 or not span or int(span.group(1)) != first:
                raise MissingDataError(shown(self._url), "range", f"status {answer.status_code}", "206 with the range",
                                       "The service serves no ranges: set option read: whole.")  # fmt: skip
            tag = answer.headers.get("ETag", "")
            if self._tag and tag != self._tag:
                raise MissingDataError(shown(self._url), "ETag", "another than at the first range", "the same file",
                                       "It is fetched again at the next call.")  # fmt: skip
            self._tag, self.size = tag, int(span.group(3))
            return answer.content

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to where the next read begins."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Bytes from the position on; fewer at the file's end."""
        end = self.size if size is None or size < 0 else min(self._position + size, self.size)
        pieces = []
        while self._position < end:
            number, skip = divmod(self._position, self._block)
            piece = self._load(number)[skip : skip + end - self._position]
            if not piece:
                break
            pieces.append(piece)
            self._position += len(piece)
        return b"".join(pieces)


@contextlib.contextmanager
def opened(web: Web, url: str) -> Iterator[rasterio.io.DatasetReader]:
    """Open a remote GeoTIFF; every byte comes through ``web``, and no other driver is tried.

    A VRT or a sidecar could name further files; neither is opened.

    Raises:
        MissingDataError: see :class:`RangeFile`.
        rasterio.errors.RasterioError: no GeoTIFF.
    """
    import rasterio

    failures: list[BaseException] = []

    def opener(path: Any, mode: str = "rb") -> io.RawIOBase:  # noqa: ARG001  (rasterio names it)
        if str(path) != _NAME:
            raise FileNotFoundError(path)
        try:
            return _Remembering(web, url, failures)
        except Exception as error:
            failures.append(error)
            raise

    try:
        with (
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
            rasterio.open(_NAME, opener=opener, driver="GTiff") as source,
        ):
            yield source
    except Exception as error:
        if failures and error is not failures[-1]:
            raise failures[-1] from error  # GDAL tells only that a read failed
        raise


class _Remembering(RangeFile):
    """Keeps what went wrong in a read, which GDAL swallows."""

    def __init__(self, web: Web, url: str, failures: list[BaseException]) -> None:
        self._failures = failures
        super().__init__(web, url)

    def read(self, size: int = -1) -> bytes:
        """As :meth:`RangeFile.read`."""
        try:
            return super().read(size)
        except Exception as error:
            self._failures.append(error)
            raise
