"""Fetching public sets and crawling permitted sites, both against a server on this machine."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import socket
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from oceanclean.errors import InputError, MissingDataError
from oceanclean.vision.crawl import CrawlSettings, Site, crawl_site
from oceanclean.vision.fetch import DataSet, RemoteFile, download, fetch, load_datasets, unpack


class Server(ThreadingHTTPServer):
    """Serves ``content`` (path to bytes), honours ranges, cuts what ``cut`` names, and remembers what was asked."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.cut, self.moved, self.asked = {}, {}, {}, []

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("Range")))
        if self.path in server.moved:
            self.send_response(302)
            self.send_header("Location", server.moved[self.path])
            self.end_headers()
            return
        body = server.content.get(self.path)
        if body is None:
            self.send_error(404)
            return
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        if start >= len(body) and start:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        kind = "text/html" if self.path.endswith(("/", ".html")) else "application/octet-stream"
        self.send_header("Content-Type", "text/plain" if self.path.endswith(".txt") else kind)
        self.end_headers()
        self.wfile.write(body[start : server.cut.pop(self.path, len(body))])

    def log_message(self, *_):
        """Keep the test's output clean."""


@pytest.fixture
def server():
    running = Server()
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


def zipped(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


def quiet(*_):
    """No progress is shown."""


# -- fetch -------------------------------------------------------------------------------------------------------------


def test_a_cut_download_goes_on_where_it_stopped(server, tmp_path):
    body = np.random.default_rng(0).bytes(300_000)
    server.content["/a.bin"], server.cut["/a.bin"] = body, 100_000
    target = tmp_path / "a.bin"
    with pytest.raises(MissingDataError, match="start again"):
        download(server.url("/a.bin"), target)
    assert not target.exists()
    download(server.url("/a.bin"), target, sha256=hashlib.sha256(body).hexdigest())
    assert target.read_bytes() == body
    assert server.asked[1][1] == "bytes=100000-"
    download(server.url("/a.bin"), target, sha256=hashlib.sha256(body).hexdigest())
    assert len(server.asked) == 2


def test_links_of_a_list_into_this_network_are_not_followed(server, tmp_path, monkeypatch):
    """A list of somebody else names a host beside its own, or a name or redirect that leads there: nobody is asked."""
    inner = Server()
    threading.Thread(target=inner.serve_forever, daemon=True).start()
    inner.content["/secret"] = b"of this network"
    lookup = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *a, **k: lookup(
        "127.0.0.1" if host == "images.example" else host, *a, **k))  # fmt: skip
    links = {"a": inner.url("/secret"), "b": f"http://images.example:{inner.server_port}/secret",
             "c": server.url("/moved"), "d": "http://169.254.169.254/latest/meta-data"}  # fmt: skip
    listed = [{"file_name": name, "at": url} for name, url in links.items()]
    server.content["/list.json"] = json.dumps({"images": listed}).encode()
    server.moved["/moved"] = inner.url("/secret")
    one = RemoteFile(url=server.url("/list.json"), path="list.json", images="at")
    made = fetch("mine", {"mine": DataSet(title="t", licence="CC0", cite="c", files=(one,))}, tmp_path, quiet)
    inner.shutdown()
    inner.server_close()
    assert set(made.missing) == set(links)
    assert not inner.asked
    assert all("private" in why for why in made.missing.values()), made.missing


def test_a_changed_file_is_refused_and_not_kept(server, tmp_path):
    server.content["/a.bin"] = b"changed"
    with pytest.raises(InputError, match="digest"):
        download(server.url("/a.bin"), tmp_path / "a.bin", sha256="0" * 64)
    assert not list(tmp_path.iterdir())


def test_a_set_is_fetched_unpacked_and_says_its_licence(server, tmp_path):
    server.content["/set.zip"] = zipped(paper__a_jpg="x", glass__b_jpg="y")
    one = RemoteFile(url=server.url("/set.zip"), path="set.zip", unpack=True)
    made = fetch("mine", {"mine": DataSet(title="t", licence="CC0", cite="c", files=(one,))}, tmp_path, quiet)
    assert (made.folder / "glass" / "b_jpg").read_text() == "y"
    assert json.loads((made.folder / "source.json").read_text())["licence"] == "CC0"


def test_images_that_were_taken_down_are_noted(server, tmp_path):
    images = [{"file_name": "b/1.jpg", "flickr_url": server.url("/1.jpg")},
              {"file_name": "2.jpg", "flickr_url": server.url("/gone.jpg")}]  # fmt: skip
    server.content |= {"/a.json": json.dumps({"images": images}).encode(), "/1.jpg": b"one"}
    one = RemoteFile(url=server.url("/a.json"), path="a.json", images="flickr_url")
    made = fetch("taco", {"taco": DataSet(title="t", licence="l", cite="c", files=(one,))}, tmp_path, quiet)
    assert (made.folder / "images" / "b" / "1.jpg").read_bytes() == b"one"
    assert made.missing == {"2.jpg": "HTTP 404"}


@pytest.mark.parametrize("name", ["../out.txt", "/etc/out.txt", "a/../../out.txt", "..\\out.txt"])
def test_an_archive_may_not_write_outside_its_folder(tmp_path, name):
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(InputError, match="within the folder"):
        unpack(path, tmp_path / "set")
    assert not (tmp_path / "out.txt").exists()


def test_every_set_of_the_configuration_names_its_licence(config_dir):
    datasets = load_datasets(config_dir)
    assert {"trashnet", "taco", "uavvaste", "marida"} <= set(datasets)
    assert all(d.licence and d.cite for d in datasets.values())


# -- crawl -------------------------------------------------------------------------------------------------------------


def jpeg(seed, size=(200, 200), quality=90):
    low = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(low).resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@pytest.fixture
def site(server):
    page = ('<img src="/beach/1.jpg"><img src="/beach/again.jpg"><img src="/beach/icon.jpg"><img src="/private/2.jpg">'
            '<a href="/beach/more.html">more</a><a href="/elsewhere/x.html">x</a>'
            '<img src="http://localhost:9/other.jpg"><a href="/beach/fake.jpg">f</a>')  # fmt: skip
    server.content |= {
        "/robots.txt": b"User-agent: *\nDisallow: /private/\n", "/beach/": page.encode(),
        "/beach/more.html": b'<img src="3.jpg"><a href="/beach/">back</a>', "/beach/1.jpg": jpeg(1),
        "/beach/again.jpg": jpeg(1, (160, 160), 70), "/beach/icon.jpg": jpeg(2, (40, 40)), "/beach/3.jpg": jpeg(3),
        "/private/2.jpg": jpeg(4), "/beach/fake.jpg": b"<script>", "/elsewhere/x.html": b"",
    }  # fmt: skip
    host = f"127.0.0.1:{server.server_port}"
    return Site(start=(server.url("/beach/"),), hosts=(host,), path="/beach/", licence="CC0", stated_at="their page",
                delay_s=0, contact="test")  # fmt: skip


@pytest.mark.skipif(importlib.util.find_spec("scrapy") is None, reason="the extra 'crawl' is not installed")
def test_a_crawl_obeys_robots_and_keeps_licence_and_source_of_unlike_photos(server, site, tmp_path):
    made = crawl_site("local", CrawlSettings(sites={"local": site}), tmp_path / "c", 100)
    asked = {path for path, _ in server.asked}
    assert "/robots.txt" in asked
    assert not asked & {"/private/2.jpg", "/elsewhere/x.html"}
    assert (made.kept, made.duplicates, made.refused) == (2, 1, 2)
    index = pd.read_csv(tmp_path / "c" / "index.csv")
    assert set(index["licence"]) == {"CC0"}
    assert all(s.startswith(server.url("/beach/")) for s in index["source"])
    again = crawl_site("local", CrawlSettings(sites={"local": site}), tmp_path / "c", 100)
    assert again.kept == 0
    assert len(pd.read_csv(tmp_path / "c" / "index.csv")) == 2


def test_a_site_that_nobody_entered_is_not_visited(tmp_path, config_dir):
    with pytest.raises(InputError, match="licence"):
        crawl_site("anywhere", CrawlSettings(), tmp_path, 1)
