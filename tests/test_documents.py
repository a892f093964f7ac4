"""What the documents say is true: every command in a console block runs, every link leads somewhere."""

from __future__ import annotations

import os
import re
import resource
import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: Commands that a test must not run: the tests themselves.
LEFT_OUT = {"make test"}
#: A fenced block, its language, and the reason why a test cannot run it, if a comment right above gives one.
BLOCK = re.compile(r"(?:<!-- skipped in tests: ([^>]+?) -->\n)?```(\w*)\n(.*?)```", re.DOTALL)
#: How a line begins that a reader would type.
TYPED = re.compile(r"(?:\$ |make |python3? |oceanclean |pip |\.venv/bin/|[A-Z_]+=\S+ )")


def commands(page: Path) -> list[tuple[str, str]]:
    """Commands of the page's ```console blocks, continuation lines joined, each with why it is skipped or ""."""
    found = []
    for reason, language, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "console":
            lines = block.replace("\\\n", " ").splitlines()
            wanted = [line.strip().removeprefix("$ ") for line in lines if line.strip() and not line.startswith("#")]
            found += [(" ".join(line.split()), reason) for line in wanted]
    return found


@pytest.fixture(scope="session")
def work(tmp_path_factory) -> Path:
    """A work folder that all documented commands share, as a reader's would be."""
    return tmp_path_factory.mktemp("work")


def _here(word: str, binaries: Path, work: Path) -> str:
    """A word of a command as it is on this machine: the tests' programs, and their work folder for ``var``."""
    if word.startswith(".venv/bin/"):
        return str(binaries / Path(word).name)
    return str(work / word.removeprefix("var").lstrip("/")) if re.match(r"var(/|$)", word) else word


def _run(command: str, work: Path) -> subprocess.CompletedProcess[str]:
    """Run a documented command with the environment that runs the tests."""
    binaries = Path(sys.executable).parent
    words = [_here(word, binaries, work) for word in shlex.split(command)]
    if words[0] == "make":
        words.append(f"VENV={binaries.parent}")
    environment = {**os.environ, "OCEANCLEAN_WORK": str(work), "MPLBACKEND": "Agg"}
    environment.pop("PREFECT_HOME", None)  # left behind where a test has imported the flows
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=False)


@pytest.mark.timeout(1000)
def test_make_plan_names_files_that_exist_and_leaves_artifacts(work: Path) -> None:
    """The main job, as the README says it: a plan, its expected catch, its files, and Prefect's three artifacts."""
    if not (Path(sys.executable).parent.parent / ".core").exists():
        pytest.skip("the environment was not made by make")
    done = _run("make plan", work)
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(r"expected catch [\d.]+ (t|kg), 80 % interval", done.stdout)
    page = re.search(r"^\s+page\s+(\S+)$", done.stdout, flags=re.MULTILINE)
    assert page, done.stdout
    assert "<html" in (ROOT / page[1]).read_text(encoding="utf-8")[:2000]
    peak_gib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    assert peak_gib < 4, f"a process of make plan took {peak_gib:.1f} GiB"
    with sqlite3.connect(work / "prefect" / "prefect.db") as database:
        keys = {row[0] for row in database.execute("select key from artifact")}
    assert {"plan-demo", "plan-demo-picture", "plan-demo-page"} <= keys


@pytest.mark.timeout(1000)
def test_make_plan_works_again(work: Path) -> None:
    """Run twice, the second is answered from the store and names the same files."""
    if not (work / "runs" / "demo").exists():
        pytest.skip("the first run did not happen")
    done = _run("make plan", work)
    assert done.returncode == 0, done.stderr[-3000:]
    stages, reused = map(int, re.search(r"(\d+) stages, (\d+) from the store", done.stdout).groups())
    assert stages == reused


@pytest.mark.timeout(1000)
@pytest.mark.parametrize(
    ("page", "command", "skipped"),
    [(p.relative_to(ROOT), *c) for p in PAGES for c in commands(p) if c[0] not in LEFT_OUT | {"make plan"}],
    ids=lambda v: str(v),
)
def test_a_documented_command_runs(page: Path, command: str, skipped: str, work: Path) -> None:
    """A command of a console block ends with status 0 on a machine that has run what stands before it."""
    if skipped:
        pytest.skip(skipped)
    if "OCEANCLEAN_DATA" in command or "shared/data" in command:
        pytest.skip("needs real data")
    done = _run(command, work)
    assert done.returncode == 0, f"{page}: {command}\n{done.stderr[-3000:]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_what_a_reader_would_type_stands_in_a_console_block(page: Path) -> None:
    """A command cannot hide from the tests in a block of another kind."""
    blocks = [
        b for _, language, b in BLOCK.findall(page.read_text(encoding="utf-8")) if language not in {"console", "python"}
    ]
    hidden = [line for block in blocks for line in block.splitlines() if TYPED.match(line)]
    assert not hidden, f"{page.name}: {hidden}"


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """All pages, links and docstrings of the site are in order, and nothing of it is loaded from elsewhere."""
    pytest.importorskip("mkdocs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    pages = sorted(tmp_path.rglob("*.html"))
    assert len(pages) > 20
    loaded = re.compile(
        r"<(script|img|iframe|source)[^>]+src=.?https?:|<link[^>]+(stylesheet|preload|preconnect)[^>]+https?:"
    )
    outside = [p.name for p in pages if loaded.search(p.read_text(encoding="utf-8"))]
    assert not outside
    assert "<math" in (tmp_path / "concepts.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_to_files_that_exist(page: Path) -> None:
    """Every relative link and picture of a document is a file of the project."""
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    missing = [t for t in targets if not (page.parent / t).exists()]
    assert not missing, f"{page.name}: {missing}"


def test_the_data_dictionary_is_what_the_contracts_say() -> None:
    """The generated page is up to date."""
    done = subprocess.run(
        [sys.executable, "docs/data_dictionary.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
