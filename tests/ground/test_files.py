"""Tables on disk: the same table is the same bytes, and a file is whole or not there."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import Point

from oceanclean.errors import ProductError
from oceanclean.products.files import write_parquet

#: WGS 84 as PROJ tells it where GDAL's data base was met first: without the ensemble of its realisations.
_PLAIN = (
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],PRIMEM["Greenwich",0],'
    'UNIT["degree",0.0174532925199433],AUTHORITY["EPSG","4326"]]'
)


def _table(crs: str) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"a": [1.5]}, geometry=[Point(-87, 16)], crs=crs)


def test_a_table_is_the_same_bytes_however_proj_tells_its_reference_system(tmp_path: Path) -> None:
    """A run that is resumed meets another data base of PROJ first; its products are byte for byte the same."""
    ensemble, plain = _table("EPSG:4326"), _table(_PLAIN)
    assert ensemble.crs.to_json_dict() != plain.crs.to_json_dict()  # or nothing is tried here
    one, other = (write_parquet(t, tmp_path / f"{k}.parquet") for k, t in enumerate((ensemble, plain)))
    assert one.read_bytes() == other.read_bytes()
    again = gpd.read_parquet(one)
    assert again.crs == "EPSG:4326"
    assert again.equals(ensemble)


def test_a_table_of_another_reference_system_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ProductError, match="EPSG:4326"):
        write_parquet(_table("EPSG:4326").to_crs(32616), tmp_path / "a.parquet")
    assert not list(tmp_path.iterdir())


def test_a_table_without_places_and_an_empty_one_come_back(tmp_path: Path) -> None:
    plain = pd.DataFrame({"a": [1, 2]})
    assert pd.read_parquet(write_parquet(plain, tmp_path / "plain.parquet")).equals(plain)
    assert len(gpd.read_parquet(write_parquet(_table("EPSG:4326")[:0], tmp_path / "none.parquet"))) == 0


def test_tables_reach_the_disk_by_one_door_alone() -> None:
    """No module writes a table itself: a second way would write a second header."""
    package = Path(__file__).resolve().parents[2] / "src" / "oceanclean"
    wild = [p for p in package.rglob("*.py") if ".to_parquet(" in p.read_text(encoding="utf-8")]
    assert [p.relative_to(package).as_posix() for p in wild] == ["products/files.py"]
