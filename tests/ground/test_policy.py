"""Pages may load and run nothing but what stands in them."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from oceanclean.learning.monitor import Figure, Report, page
from oceanclean.policy import under_policy
from tests.conftest import ROOT

_HOSTILE = "<script>alert(1)</script><style>*{display:none}</style>"


def test_a_page_names_the_digest_of_its_own_styles_and_no_host() -> None:
    text = under_policy('<!doctype html><meta charset="utf-8"><style>b { color: red }</style><b>x</b>')
    digest = base64.b64encode(hashlib.sha256(b"b { color: red }").digest()).decode()
    assert f"style-src 'sha256-{digest}';" in text
    assert "default-src 'none'" in text
    assert "unsafe" not in text
    with pytest.raises(ValueError, match="charset"):
        under_policy("<p>x</p>")


def test_the_page_of_figures_takes_text_for_text_and_stands_under_a_policy() -> None:
    """What a source, a model or an error calls itself is shown, never obeyed."""
    figure = Figure(name="freshness", of=_HOSTILE, value=1.0, unit="h", meaning=_HOSTILE, state="warn", series=())
    text = page(Report(region=_HOSTILE, issue_time=_HOSTILE, figures=(figure,), said=(_HOSTILE,)))
    assert "<script" not in text
    assert text.count("<style>") == 1
    assert "default-src 'none'" in text


def test_every_page_of_the_project_stands_under_a_policy() -> None:
    """Each template and each page written in code says its policy, goes through the function, or is served with it."""
    package = ROOT / "src" / "oceanclean"
    pages = [p for kind in ("*.j2", "*.py") for p in package.rglob(kind)
             if re.search(r"<!doctype html>", p.read_text(encoding="utf-8"), re.IGNORECASE)]  # fmt: skip
    by_function = {"explain.html.j2": "vision/explain/page.py", "monitor.html.j2": "learning/monitor.py"}
    served = {"desk.html.j2": "desk/app.py"}
    assert len(pages) >= 7
    for one in pages:
        where = package / {**by_function, **served}.get(one.name, one.relative_to(package).as_posix())
        text = where.read_text(encoding="utf-8")
        assert "Content-Security-Policy" in text or "under_policy(" in text, one
        assert "unsafe-inline" not in one.read_text(encoding="utf-8"), one


def test_templates_escape_what_they_are_given() -> None:
    """Every environment of Jinja escapes; what is marked safe is the project's own style, script, or JSON made safe."""
    package = ROOT / "src" / "oceanclean"
    made = [p.read_text(encoding="utf-8") for p in package.rglob("*.py") if "Environment(loader" in p.read_text()]
    assert len(made) >= 5
    assert all("autoescape=True" in text for text in made)
    safe = {m for p in package.rglob("*.j2") for m in re.findall(r"{{\s*([^}]*?)\s*\|\s*safe", p.read_text())}
    assert safe <= {"style", "script", "map_json"}, safe
