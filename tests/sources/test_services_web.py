"""Calls to services: tried again, paced, timed out, resumed, checked; strangers' links are not followed."""

from __future__ import annotations

import hashlib
import logging
import time

import pytest
from service_server import Answer, Site, served

from oceanclean.errors import InputError, MissingDataError
from oceanclean.guard import Guard
from oceanclean.sources.services.settings import WebSettings
from oceanclean.sources.services.web import Web

QUICK = WebSettings(connect_s=1, read_s=0.4, tries=3, backoff_s=0, per_second=1000, range_block_kib=16)
BODY = bytes(range(256)) * 2000


@pytest.fixture
def site(tmp_path):
    (tmp_path / "body.bin").write_bytes(BODY)
    here = Site(pages={"/body": tmp_path / "body.bin", "/json": lambda _: Answer(b'{"a": 1}')})
    with served(here):
        yield here


def _web(site, **changes) -> Web:
    return Web([site.url], QUICK.model_copy(update=changes))


@pytest.mark.parametrize("fault", [500, 503, 429, "hang"])
def test_a_passing_fault_is_tried_again(site, fault) -> None:
    """One bad answer or one that does not come in time is followed by another call."""
    site.faults["/json"] = [fault]
    assert _web(site).json(f"{site.url}/json") == {"a": 1}
    assert len(site.calls) == 2


def test_retry_after_is_waited_for_but_not_longer_than_allowed(site) -> None:
    """A second is waited, a day is cut to the limit of the settings."""
    site.faults["/json"] = [{"status": 429, "headers": {"Retry-After": "1"}}]
    started = time.monotonic()
    _web(site).json(f"{site.url}/json")
    assert time.monotonic() - started >= 1
    site.faults["/json"] = [{"status": 503, "headers": {"Retry-After": "86400"}}]
    _web(site, retry_after_max_s=0).json(f"{site.url}/json")


def test_a_dead_service_is_said_after_all_tries(site) -> None:
    """The error names the address and what came; it is called no oftener than allowed."""
    site.faults["/json"] = [500] * 9
    with pytest.raises(MissingDataError, match="status 500"):
        _web(site).json(f"{site.url}/json")
    assert len(site.calls) == 3
    with pytest.raises(MissingDataError, match="ConnectionError"):
        Web(["http://127.0.0.1:9"], QUICK).json("http://127.0.0.1:9/json")


def test_an_account_that_is_refused_is_not_tried_again(site) -> None:
    """401 and 403 stay what they are."""
    site.faults["/json"] = [403]
    with pytest.raises(MissingDataError, match="status 403"):
        _web(site).json(f"{site.url}/json")
    assert len(site.calls) == 1


def test_a_body_that_breaks_off_is_carried_on(site, tmp_path) -> None:
    """The second call asks for the rest only, and the file is whole."""
    site.faults["/body"] = ["cut"]
    out = _web(site).download(f"{site.url}/body", tmp_path / "out" / "file", "1220" + hashlib.sha256(BODY).hexdigest())
    assert out.read_bytes() == BODY
    assert 0 < int(site.calls[1].headers["Range"].removeprefix("bytes=").removesuffix("-")) <= len(BODY) // 2
    assert not list(out.parent.glob("*.part*"))


def test_what_came_of_a_broken_transfer_serves_the_next_fetch(site, tmp_path) -> None:
    """All tries break off: the next fetch goes on where they stopped."""
    site.faults["/body"] = ["cut"] * 3
    target = tmp_path / "out" / "file"
    with pytest.raises(MissingDataError, match="broke off"):
        _web(site).download(f"{site.url}/body", target)
    had = target.with_name("file.part").stat().st_size
    assert 0 < had < len(BODY)
    assert _web(site).download(f"{site.url}/body", target).read_bytes() == BODY
    assert site.calls[-1].headers["Range"] == f"bytes={had}-"


def test_a_file_that_changed_meanwhile_is_not_joined_to_the_old_half(site, tmp_path) -> None:
    """If-Range: the server's new file comes whole."""
    site.faults["/body"] = ["cut"] * 3
    target = tmp_path / "out" / "file"
    with pytest.raises(MissingDataError):
        _web(site).download(f"{site.url}/body", target)
    (tmp_path / "body.bin").write_bytes(BODY[::-1])
    assert _web(site).download(f"{site.url}/body", target).read_bytes() == BODY[::-1]


@pytest.mark.parametrize(("name", "prefix"), [("sha256", "1220"), ("md5", "d50110"), ("sha1", "1114")])
def test_a_wrong_checksum_is_refused_and_leaves_nothing(site, tmp_path, name, prefix) -> None:
    """The right digest passes; another is named and the bytes are dropped."""
    right = prefix + hashlib.new(name, BODY).hexdigest()
    _web(site).download(f"{site.url}/body", tmp_path / "right", right)
    with pytest.raises(MissingDataError, match=name):
        _web(site).download(f"{site.url}/body", tmp_path / "wrong", right[:-2] + ("00" if right[-2:] != "00" else "11"))
    assert not list(tmp_path.glob("wrong*"))


def test_a_file_that_is_too_large_is_refused_before_it_comes(site, tmp_path) -> None:
    """The stated length is judged first."""
    with pytest.raises(MissingDataError, match="GiB"):
        _web(site, max_file_gib=1e-4).download(f"{site.url}/body", tmp_path / "file")


def test_a_sources_time_is_limited(site) -> None:
    """When the budget is spent no further call is made."""
    web = _web(site, budget_s=0.01)
    time.sleep(0.02)
    with pytest.raises(MissingDataError, match="not done after"):
        web.json(f"{site.url}/json")
    assert not site.calls


def test_calls_are_paced(site) -> None:
    """At five a second, four calls take three fifths of one."""
    web = _web(site, per_second=5)
    started = time.monotonic()
    for _ in range(4):
        web.json(f"{site.url}/json")
    assert time.monotonic() - started >= 0.6


@pytest.mark.parametrize("url", [
    "file:///etc/passwd", "ftp://example.org/a", "http://169.254.169.254/latest/meta-data", "http://localhost:1/x",
    "http://127.0.0.1:1/x", "http://[::1]/x", "http://10.1.2.3/x", "http://[::ffff:192.168.0.1]/x", "http://0.0.0.0/x",
    "https://user:word@example.org/x", "s3://bucket/key", "http:///x", "http://2130706433:99999/x", "//example.org/x",
])  # fmt: skip
def test_links_of_strangers_into_this_network_are_refused(url: str) -> None:
    """Files, metadata services, loopback, private networks, other schemes."""
    with pytest.raises(InputError, match="not followed"):
        Guard(["https://catalogue.example.org/v1"]).check(url)


def test_the_configured_endpoint_may_stand_anywhere_others_must_be_public(site) -> None:
    """The endpoint's own host and port pass, another port of it does not; a public host passes."""
    guard = Guard([site.url])
    assert guard.check(f"{site.url}/x")
    assert guard.check("https://example.org/x")
    with pytest.raises(InputError):
        guard.check("http://127.0.0.1:1/x")


@pytest.mark.parametrize(
    "link", ["http://{name}:{port}/json", "http://127.1:{port}/json", "http://2130706433:{port}/json"]
)
def test_a_name_is_judged_by_the_address_it_leads_to(site, monkeypatch, link: str) -> None:
    """A public-looking name, or an odd spelling, that leads to the loopback is caught at the connection."""
    import socket

    true_look_up = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *a, **k: true_look_up(
        "127.0.0.1" if host == "rebound.example.org" else host, *a, **k))  # fmt: skip
    port = site.url.rpartition(":")[2]
    web = Web(["https://catalogue.example.org"], QUICK)
    with pytest.raises((InputError, MissingDataError)):
        web.json(link.format(name="rebound.example.org", port=port))
    assert not site.calls


def test_a_redirect_into_this_network_is_refused(site) -> None:
    """A configured host hands over to another port of the loopback: not followed."""
    with served(Site(pages={"/json": lambda _: Answer(b'{"secret": 1}')})) as inner:
        site.pages["/hand-over"] = lambda _: Answer(b"", 302, {"Location": f"{inner.url}/json"})
        with pytest.raises(InputError, match="private host"):
            _web(site).json(f"{site.url}/hand-over")
        assert not inner.calls


def test_a_token_goes_to_configured_hosts_only(site) -> None:
    """Another host that a link names does not get the account's token."""
    web = Web([site.url], QUICK, tokens=lambda: "Bearer very-secret")
    web.json(f"{site.url}/json")
    assert site.calls[-1].headers["Authorization"] == "Bearer very-secret"
    with served(Site(pages={"/json": lambda _: Answer(b"{}")})) as other:
        site.pages["/away"] = lambda _: Answer(b"", 302, {"Location": f"{other.url}/json"})
        web.guard._own.add(("127.0.0.1", int(other.url.rpartition(":")[2])))
        web.json(f"{site.url}/away")
        assert "Authorization" not in other.calls[-1].headers


def test_secrets_stand_in_no_message_and_no_log(site, caplog) -> None:
    """Neither a name and password in an address, nor a key in a query, nor a secret that a server echoes."""
    caplog.set_level(logging.DEBUG)
    web = Web([site.url], QUICK, secrets=["hunter2"])
    assert "hunter2" not in web.said("the password hunter2 is wrong")
    assert "key=" not in web.said(f"{site.url}/a?key=hunter3&x=1 failed")
    site.faults["/json"] = [500] * 9
    with pytest.raises(MissingDataError) as caught:
        web.json(f"{site.url}/json", params={"key": "hunter2"})
    assert "hunter2" not in str(caught.value)
    ours = [r for r in caplog.records if r.name.startswith("oceanclean")]
    assert "hunter2" not in "".join(r.getMessage() for r in ours)
