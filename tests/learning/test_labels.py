"""The label store: versions hold still, a replacement needs a reason, a change is seen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from oceanclean.errors import CorruptStoreError, InputError
from oceanclean.learning.labels import Label, LabelStore, changes, read_annotations

SEEN = Label("sighting-1", "sighting", "cove", {"type": "Point", "coordinates": [-87.2, 16.0]},
             "2026-06-15T12:00:00+00:00", "marine_debris", "confirmed", "skipper", "2026-06-16T00:00:00Z",
             "s.csv 00")  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> LabelStore:
    return LabelStore.of(tmp_path)


def test_a_version_holds_still_when_a_label_is_replaced(store: LabelStore) -> None:
    """What a model learned from can be named and read again, whatever came later."""
    assert store.add([SEEN, replace(SEEN, label_id="sighting-2")]).version == 2
    with pytest.raises(InputError, match="--why"):
        store.add([replace(SEEN, verdict="false")])
    added = store.add([replace(SEEN, verdict="false", why="it was foam", by="analyst")])
    assert (added.version, len(added.new), len(added.replaced)) == (3, 0, 1)
    assert [x.verdict for x in store.labels(2)] == ["confirmed", "confirmed"]
    assert {x.label_id: x.verdict for x in store.labels()} == {"sighting-1": "false", "sighting-2": "confirmed"}
    told = changes(store, since=2)
    assert "it was foam" in told
    assert "confirmed | marine_debris false" in told
    with pytest.raises(InputError, match="0 to 3"):
        store.labels(4)


def test_the_same_label_twice_is_one_line(store: LabelStore) -> None:
    store.add([SEEN])
    again = store.add([replace(SEEN, added_at="2026-07-01T00:00:00Z", origin="other.csv 11")])
    assert (again.version, again.known) == (1, 1)


@pytest.mark.parametrize(
    "change",
    [{"class_name": "whale"}, {"verdict": "maybe"}, {"by": ""}, {"observed_at": "2026-06-15T12:00"},
     {"geometry": {"type": "Point", "coordinates": [0, 91]}}, {"geometry": {"type": "Blob"}}, {"kind": "guess"}],
)  # fmt: skip
def test_a_label_that_cannot_be_used_is_refused_whole(store: LabelStore, change: dict) -> None:
    with pytest.raises(InputError):
        store.add([replace(SEEN, label_id="other"), replace(SEEN, **change)])
    assert store.version() == 0


def test_a_changed_store_is_refused(store: LabelStore) -> None:
    store.add([SEEN])
    store.log.write_text(store.log.read_text().replace("confirmed", "false"))
    with pytest.raises(CorruptStoreError, match="line 1"):
        store.labels()


def test_analysts_labels_come_as_geojson(tmp_path: Path, store: LabelStore) -> None:
    polygon = {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [1, 1], [0, 0]]]}
    said = {"class_name": "marine_debris", "observed_at": "2026-06-14T16:32:00Z", "scene_id": "S", "by": "ana"}
    path = tmp_path / "l.geojson"
    told = {"region": "cove", "by": "", "added_at": "2026-07-01T00:00:00Z", "licence": "CC BY 4.0", "why": ""}
    path.write_text(json.dumps({"features": [{"geometry": polygon, "properties": said}]}))
    (label,) = read_annotations(path, **told)
    assert (label.by, label.scene_id, label.licence) == ("ana", "S", "CC BY 4.0")
    assert path.name in label.origin
    assert store.add([label]).version == 1
    path.write_text(json.dumps({"features": [{"geometry": polygon, "properties": {"class_name": "ship"}}]}))
    with pytest.raises(InputError, match=r"features\[0\].properties.observed_at"):
        read_annotations(path, **told)
    path.write_text("[]")
    with pytest.raises(InputError, match="FeatureCollection"):
        read_annotations(path, **told)
