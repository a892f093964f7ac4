"""Local servers that speak the services' real protocols, with faults put in on demand."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import pandas as pd
import rasterio
from rasterio.transform import from_origin
from rasterio.warp import transform_bounds


@dataclass
class Answer:
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Call:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


@dataclass
class Site:
    """What a server answers by path, what goes wrong, and what was asked.

    ``faults`` maps a path (a regular expression) to faults used up one a call: a status, ``"cut"`` (the body ends half
    way), ``"hang"`` (nothing comes for three seconds), or a dictionary of status and headers.
    """

    url: str = ""
    pages: dict[str, Callable[[Call], Answer] | Path] = field(default_factory=dict)
    faults: dict[str, list] = field(default_factory=lambda: defaultdict(list))
    calls: list[Call] = field(default_factory=list)

    def fault(self, path: str):
        for pattern, waiting in self.faults.items():
            if waiting and re.search(pattern, path):
                return waiting.pop(0)
        return None

    def asked(self, pattern: str) -> list[Call]:
        return [c for c in self.calls if re.search(pattern, c.path)]


@contextmanager
def served(site: Site) -> Iterator[Site]:
    """Serve a site on a free port of the loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            parts = urlsplit(self.path)
            size = int(self.headers.get("Content-Length") or 0)
            query = parse_qs(parts.query, keep_blank_values=True)
            body = self.rfile.read(size) if size else b""
            call = Call(self.command, unquote(parts.path), query, dict(self.headers), body)
            site.calls.append(call)
            fault = site.fault(call.path)
            if fault == "hang":
                time.sleep(3)
                self.close_connection = True
                return
            if isinstance(fault, int):
                fault = {"status": fault}
            if isinstance(fault, dict):
                self._send(Answer(b"no", fault["status"], fault.get("headers", {})), cut=False)
                return
            page = next((p for pattern, p in site.pages.items() if re.fullmatch(pattern, call.path)), None)
            self._send(_answer(page, call), cut=fault == "cut")

        do_POST = do_HEAD = do_GET  # noqa: N815

        def _send(self, answer: Answer, cut: bool):
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body[: len(answer.body) // 2] if cut else answer.body)
            self.close_connection = cut

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


def _answer(page, call: Call) -> Answer:
    if page is None:
        return Answer(b"not found", 404)
    return _file(page, call) if isinstance(page, Path) else page(call)


def _file(path: Path, call: Call) -> Answer:
    """A file, or the range of it that was asked for."""
    body = path.read_bytes()
    tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Accept-Ranges": "bytes"}
    span = re.match(r"bytes=(\d+)-(\d*)", call.headers.get("Range", ""))
    if not span or call.headers.get("If-Range", tag) != tag:
        return Answer(body, 200, headers)
    first, last = int(span.group(1)), min(int(span.group(2) or len(body)), len(body) - 1)
    if first >= len(body):
        return Answer(b"", 416, {**headers, "Content-Range": f"bytes */{len(body)}"})
    return Answer(body[first : last + 1], 206, {**headers, "Content-Range": f"bytes {first}-{last}/{len(body)}"})


ASSETS = {"B1": "coastal", "B2": "blue", "B3": "green", "B4": "red", "B5": "rededge1", "B6": "rededge2",
          "B7": "rededge3", "B8": "nir", "B8A": "nir08", "B11": "swir16", "B12": "swir22", "SCL": "scl"}  # fmt: skip
METRES = {"B1": 60, "B2": 10, "B3": 10, "B4": 10, "B8": 10}
WEST, NORTH, EDGE, CRS = 300_000, 3_400_020, 3600, "EPSG:32606"


def write_cogs(folder: Path, crs: str = CRS) -> dict[str, Path]:
    """A tile of 3.6 km as one COG a band at the band's own resolution; every pixel's value tells where it lies."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for number, (band, key) in enumerate(ASSETS.items()):
        metres = METRES.get(band, 20)
        n = EDGE // metres
        row, column = np.mgrid[:n, :n] * metres // 60  # the 60 m cell: the same number in all bands
        values = np.full((n, n), 4) if band == "SCL" else 1200 + 10 * number + (7 * row + column) % 50
        made[key] = folder / f"{key}.tif"
        with rasterio.open(made[key], "w", driver="COG", dtype="uint16", count=1, width=n, height=n, crs=crs, nodata=0,
                           transform=from_origin(WEST, NORTH, metres, metres), blocksize=128) as out:  # fmt: skip
            out.write(values.astype("uint16"), 1)
    return made


def item(
    site: Site, cogs: dict[str, Path], name: str, acquired: str, created: str | None = None, offset: float = -0.1,
    **properties,
) -> dict:  # fmt: skip
    """A STAC item over the tile, as Earth Search describes Sentinel-2."""
    west, south, east, north = transform_bounds(CRS, "EPSG:4326", WEST, NORTH - EDGE, WEST + EDGE, NORTH)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    bands = [{"nodata": 0, "data_type": "uint16", "scale": 0.0001, "offset": offset}]
    assets = {
        key: {"href": f"{site.url}/cogs/{key}.tif", "type": "image/tiff; application=geotiff", "roles": ["data"],
              **({"raster:bands": bands} if key != "scl" else {}),
              "file:checksum": "1220" + hashlib.sha256(path.read_bytes()).hexdigest()}
        for key, path in cogs.items()
    }  # fmt: skip
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": name, "collection": "sentinel-2-c1-l2a",
        "bbox": [west, south, east, north], "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"datetime": acquired, "created": created or acquired, "updated": created or acquired,
                       "platform": "sentinel-2b", "eo:cloud_cover": 12.0, "grid:code": "MGRS-06RUV", **properties},
        "links": [{"rel": "self", "href": f"{site.url}/collections/x/items/{name}"}], "assets": assets,
    }  # fmt: skip


def stac_api(site: Site, cogs: dict[str, Path], items: list[dict], page_size: int = 2) -> None:
    """A STAC API (core, item search with bbox, datetime and paging), and the COGs behind it."""
    base = "https://api.stacspec.org/v1.0.0"

    def landing(_call: Call) -> Answer:
        links = [{"rel": "self", "href": site.url}, {"rel": "root", "href": site.url},
                 {"rel": "search", "href": f"{site.url}/search", "type": "application/geo+json", "method": "POST"},
                 {"rel": "data", "href": f"{site.url}/collections"}]  # fmt: skip
        return _json({"type": "Catalog", "stac_version": "1.0.0", "id": "test", "description": "test", "links": links,
                      "conformsTo": [f"{base}/core", f"{base}/item-search", f"{base}/collections"]})  # fmt: skip

    def search(call: Call) -> Answer:
        asked = json.loads(call.body)
        first, last = (pd.Timestamp(t) for t in asked["datetime"].split("/"))
        west, south, east, north = asked["bbox"]
        hits = [
            i for i in items
            if first <= pd.Timestamp(i["properties"]["datetime"]) <= last
            and i["bbox"][0] <= east and i["bbox"][2] >= west and i["bbox"][1] <= north and i["bbox"][3] >= south
        ]  # fmt: skip
        start = int(asked.get("token", 0))
        links = []
        if start + page_size < len(hits):
            links = [{"rel": "next", "href": f"{site.url}/search", "method": "POST", "merge": True,
                      "body": {"token": str(start + page_size)}}]  # fmt: skip
        return _json({"type": "FeatureCollection", "features": hits[start : start + page_size], "links": links})

    site.pages |= {"/?": landing, "/search": search}
    site.pages |= {f"/cogs/{key}.tif": path for key, path in cogs.items()}


def _json(content: object) -> Answer:
    return Answer(json.dumps(content).encode(), headers={"Content-Type": "application/json"})


def tabledap(site: Site, rows: pd.DataFrame, units: list[str], dataset: str = "drifter_hourly_qc") -> None:
    """An ERDDAP table: constraints are obeyed, a query without a row is 404 as ERDDAP's own."""

    def table(call: Call) -> Answer:
        columns = next(iter(call.query)).split(",")
        keep = pd.Series(True, index=rows.index)
        for key, values in call.query.items():
            test = re.fullmatch(r"(\w+)([<>])", key)
            bare = re.fullmatch(r"(\w+)<(\S+)", key)
            if test:
                keep &= _compared(rows[test.group(1)], test.group(2) + "=", values[0])
            elif bare:
                keep &= _compared(rows[bare.group(1)], "<", bare.group(2))
        found = rows.loc[keep, columns]
        if found.empty:
            return Answer(b'Error {\n    code=404;\n    message="Not Found: Your query produced no matching results. '
                          b'(nRows = 0)";\n}\n', 404)  # fmt: skip
        head = ",".join(columns) + "\n" + ",".join(units[rows.columns.get_loc(c)] for c in columns) + "\n"
        return Answer((head + found.to_csv(header=False, index=False)).encode())

    site.pages[f"/erddap/tabledap/{dataset}\\.csv"] = table


def _compared(column: pd.Series, sign: str, value: str) -> pd.Series:
    wanted = value if column.dtype == object or str(column.dtype).startswith("str") else float(value)
    return {"<": column < wanted, "<=": column <= wanted, ">=": column >= wanted}[sign]
