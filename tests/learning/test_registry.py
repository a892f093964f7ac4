"""The registry: aliases move only by lines of a log that shows any change; a file that was swapped is not used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from oceanclean.errors import CorruptStoreError, InputError, MissingDataError, RefusedError
from oceanclean.learning.gates import Evidence
from oceanclean.learning.registry import Registry
from oceanclean.store import digest_file

BY = {"by": "A. Analyst", "why": "trained on June", "time": "2026-07-01T00:00:00Z"}


def evidence(wins: bool) -> Evidence:
    return Evidence("debris_f1", 0.70, 0.75, 0.05, 0.01 if wins else -0.02, 0.09, 20, "20 scenes", wins, "figures")


def model(folder: Path, content: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "segmenter.keras"
    path.write_bytes(content)
    path.with_suffix(".json").write_text(json.dumps({"sha256": digest_file(path), "name": "x"}))
    return path


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry.of(tmp_path / "work")


def test_a_model_s_life_is_what_the_log_says(registry: Registry, tmp_path: Path) -> None:
    """Registered, refused by the gate, promoted, replaced, rolled back: aliases, files and reasons at every step."""
    assert registry.model("segmenter") is None
    first = registry.register("segmenter", model(tmp_path / "a", b"a"), **BY)
    assert registry.model("segmenter", "challenger").path.read_bytes() == b"a"
    with pytest.raises(RefusedError, match="stays challenger"):
        registry.promote("segmenter", evidence(wins=False), **BY)
    assert registry.model("segmenter") is None
    registry.promote("segmenter", evidence(wins=True), **BY)
    assert registry.model("segmenter").version == first.version == 1
    assert registry.model("segmenter", "challenger") is None
    registry.register("segmenter", model(tmp_path / "b", b"b"), **BY)
    registry.promote("segmenter", evidence(wins=True), **BY)
    assert registry.model("segmenter").path.read_bytes() == b"b"
    assert registry.model("segmenter", "previous").version == 1
    assert registry.rollback("segmenter", **BY) == 1
    assert registry.model("segmenter").path.read_bytes() == b"a"
    with pytest.raises(InputError, match="previous"):
        registry.rollback("segmenter", **BY)  # what was rolled back is no way forward
    actions = [e["action"] for e in registry.events()]
    assert actions == ["registered", "not promoted", "promoted", "registered", "promoted", "rolled back"]
    assert registry.events()[1]["evidence"]["low"] == -0.02
    assert [e["against"] for e in registry.events() if e["action"] == "promoted"] == [0, 1]


def test_the_first_promotion_is_rolled_back_to_what_ships(registry: Registry, tmp_path: Path) -> None:
    registry.register("segmenter", model(tmp_path / "a", b"a"), **BY)
    registry.promote("segmenter", evidence(wins=True), **BY)
    assert registry.rollback("segmenter", **BY) == 0
    assert registry.model("segmenter") is None


def test_a_person_refuses_a_challenger(registry: Registry, tmp_path: Path) -> None:
    registry.register("segmenter", model(tmp_path / "a", b"a"), **BY)
    registry.refuse("segmenter", **BY)
    assert registry.model("segmenter", "challenger") is None
    with pytest.raises(InputError, match="no challenger"):
        registry.refuse("segmenter", **BY)
    registry.promote("segmenter", evidence(wins=True), version=1, **BY)  # a later comparison may still win


def test_who_and_why_are_asked_for_and_a_model_needs_its_own_card(registry: Registry, tmp_path: Path) -> None:
    path = model(tmp_path / "a", b"a")
    for missing in ({"by": " "}, {"why": ""}, {"why": "x" * 501}):
        with pytest.raises(InputError, match=r"--by|--why"):
            registry.register("segmenter", path, **{**BY, **missing})
    assert registry.state().get("segmenter") is None
    with pytest.raises(InputError, match="kind"):
        registry.register("../segmenter", path, **BY)
    path.write_bytes(b"other")
    with pytest.raises(InputError, match="same training"):
        registry.register("segmenter", path, **BY)
    path.with_suffix(".json").unlink()
    with pytest.raises(MissingDataError):
        registry.register("segmenter", path, **BY)


def test_the_same_model_is_registered_once(registry: Registry, tmp_path: Path) -> None:
    registry.register("segmenter", model(tmp_path / "a", b"a"), **BY)
    with pytest.raises(InputError, match="version 1 again"):
        registry.register("segmenter", model(tmp_path / "copy", b"a"), **BY)


def test_a_changed_log_or_file_is_refused(registry: Registry, tmp_path: Path) -> None:
    """A reason put into another mouth, a line taken out, weights swapped under their name."""
    made = registry.register("segmenter", model(tmp_path / "a", b"a"), **BY)
    registry.promote("segmenter", evidence(wins=True), **BY)
    whole = registry.log.read_text()
    shutil.copy(registry.log, tmp_path / "kept")
    for changed in (whole.replace("A. Analyst", "B. Other", 1), "".join(whole.splitlines(keepends=True)[1:])):
        registry.log.write_text(changed)
        with pytest.raises(CorruptStoreError, match="line 1"):
            registry.model("segmenter")
    shutil.copy(tmp_path / "kept", registry.log)
    made.path.write_bytes(b"swapped")
    with pytest.raises(CorruptStoreError, match="not the file that was registered"):
        registry.model("segmenter")
