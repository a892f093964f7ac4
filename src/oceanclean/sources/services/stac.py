"""Sentinel-2 scenes from a STAC API: COG windows over HTTP ranges, or whole JPEG 2000 bands."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import requests

from oceanclean.errors import InputError, MissingDataError, SettingsError
from oceanclean.products.names import BANDS
from oceanclean.sources.services import crop, rayleigh
from oceanclean.sources.services.contract import Found, Service, from_environment, needs, service
from oceanclean.sources.services.ranges import opened
from oceanclean.sources.services.web import Web, mismatch, shown
from oceanclean.sources.times import iso, utc

if TYPE_CHECKING:
    import pystac
    import rasterio

#: A catalogue entry this long after the pass is a reprocessing; the scene was there before, as another product.
_REPROCESSED = pd.Timedelta(days=10)


@service("stac")
class StacScenes(Service):
    """Scenes of a collection that meet the region."""

    needed = frozenset({"url", "collection", "assets"})
    options = needed | {
        "asset_hosts", "alternate", "read", "max_cloud_percent", "max_items", "token_url", "client_id", "username_env",
        "password_env", "radiometry", "level",
    }  # fmt: skip

    def search(self) -> list[Found]:
        """Items of the time window, cloudy ones left out; of several processings of a pass the newest."""
        if self.option("level", "l2a") not in {"l1c", "l2a"}:
            raise SettingsError("config/sources", "fetch.options.level", self.option("level"), "l1c or l2a",
                                "Say which level the collection holds.")  # fmt: skip
        client = needs("pystac_client")
        web = self._calls()
        from pystac_client.stac_api_io import StacApiIO

        io = StacApiIO(max_retries=None)
        io.session = web.session
        west, south, east, north = self.want.bounds
        try:
            catalogue = client.Client.open(self.option("url"), stac_io=io)
            found = catalogue.search(
                collections=[self.option("collection")], bbox=_boxes(west, south, east, north)[0], limit=50,
                datetime=f"{iso(self.want.start)}/{iso(self.want.until)}", max_items=int(self.option("max_items", 40)),
            )  # fmt: skip
            items = list(found.items())
        except (requests.RequestException, client.exceptions.APIError, ValueError, KeyError, TypeError) as error:
            raise MissingDataError(shown(self.option("url")), "search", f"{type(error).__name__}: {web.said(error)}",
                                   "a STAC API's answer", "The service is down, busy or no STAC API; it is called "
                                   "again at the next fetch.") from None  # fmt: skip
        limit = float(self.option("max_cloud_percent", 95))
        clear = [i for i in items if float(i.properties.get("eo:cloud_cover") or 0) <= limit]
        return [self._judged(item) for item in _newest(clear)]

    def _judged(self, item: pystac.Item) -> Found:
        """An item as something that can be fetched; what is wrong with it is told when its turn comes."""
        try:
            return self._describe(item)
        except InputError as error:
            return Found(name=f"{_file_name(item.id)}.tif", version="", origin=item.id, facts={"refused": error})

    def _describe(self, item: pystac.Item) -> Found:
        """An item's facts.

        Raises:
            InputError: no time, or bands that cannot be brought to one scale.
        """
        if item.datetime is None:
            raise InputError(item.id, "datetime", "nothing", "the time of the pass", "It was passed over.")
        acquired = utc(item.datetime)
        stated = next((item.properties[k] for k in ("published", "created") if item.properties.get(k)), None)
        available, notes = acquired + pd.Timedelta(hours=self.source.latency_h), []
        if stated and acquired <= utc(stated) <= acquired + _REPROCESSED:
            available = utc(stated)
        elif stated:
            notes.append(f"{item.id} was processed again; it counts from {self.source.latency_h:g} h after its pass.")
        scene = str(item.properties.get("s2:product_uri", "")).removesuffix(".SAFE") or item.id
        links = {band: self._link(item, key) for band, key in self.option("assets").items() if key in item.assets}
        version = str(item.properties.get("updated") or item.properties.get("created") or item.id)
        angles = {"angles": _angles(item)} if self.option("level") == "l1c" else {}
        return Found(
            name=f"{_file_name(scene)}.tif", version=version, observed=iso(acquired), available_at=iso(available),
            origin=shown(item.get_self_href() or self.option("url")), notes=tuple(notes),
            facts={"scene_id": scene, "links": links, "scaling": _scaling(item, self.option("assets")),
                   "platform": str(item.properties.get("platform", "unknown")).title(), **angles},
        )  # fmt: skip

    def _link(self, item: pystac.Item, key: str) -> dict[str, str]:
        """Address and checksum of an asset."""
        asset = item.assets[key]
        href, extra = asset.get_absolute_href() or asset.href, asset.extra_fields
        wanted = self.option("alternate")
        if wanted:
            href = extra.get("alternate", {}).get(wanted, {}).get("href", href)
        return {"href": str(href), "checksum": str(extra.get("file:checksum", ""))}

    def _calls(self) -> Web:
        """Calls, with the account of the environment where one is configured."""
        if not self.option("token_url"):
            return self.web()
        name, word = (from_environment(self.settings, k) for k in ("username", "password"))
        plain = self.web(secrets=(name, word))
        return self.web(secrets=(name, word), tokens=_Token(plain, self.settings.options, name, word))

    def fetch(self, found: Found, scratch: Path) -> None:
        """Each band's part of the region, or each band whole and its part of that."""
        if "refused" in found.facts:
            raise found.facts["refused"]
        web = self._calls()
        links: Mapping[str, Mapping[str, str]] = found.facts["links"]
        missing = [b for b in BANDS if b not in links]
        if len(missing) == len(BANDS):
            raise InputError(found.origin, "assets", "none of the bands", f"some of {self.option('assets')}",
                             "Correct option assets.")  # fmt: skip
        whole = self.option("read", "ranges") == "whole"
        opener = _Whole(web, links, scratch / "whole") if whole else lambda address: opened(web, address)
        import rasterio

        try:
            met = crop.collect(
                opener, {b: v["href"] for b, v in links.items()}, self.want.bounds, scratch, web.check_time
            )
        except rasterio.errors.RasterioError as error:
            raise MissingDataError(found.origin, "band", web.said(error), "a whole GeoTIFF or JPEG 2000",
                                   "It is fetched again at the next call.") from None  # fmt: skip
        if not met:
            raise MissingDataError(found.origin, "footprint", "a tile beside the region", "one over it",
                                   "The catalogue's outline is wider than the tile; nothing to do.")  # fmt: skip

    def normalise(self, found: Found, scratch: Path, target: Path) -> None:
        """One GeoTIFF of all bands at 10 m, with what a reader must know as tags; Level 1C corrected."""
        scale, offset = found.facts["scaling"]
        radiometry, correct = self.option("radiometry", "l2a"), None
        if "angles" in found.facts:
            correct = rayleigh.corrector(scale, offset, found.facts["angles"])
            radiometry, scale, offset = rayleigh.RADIOMETRY, rayleigh.SCALE, rayleigh.OFFSET
        crop.join(scratch, target, {
            "scene_id": found.facts["scene_id"], "acquired": found.observed, "available_at": found.available_at,
            "platform": found.facts["platform"], "radiometry": radiometry, "scale": scale,
            "offset": offset, "nodata": 0, "licence": self.source.licence, "origin": found.origin,
        }, correct)  # fmt: skip


class _Token:
    """An OAuth2 bearer token of a name and password, renewed before it runs out."""

    def __init__(self, web: Web, options: Mapping[str, Any], name: str, word: str) -> None:
        self._web, self._options, self._name, self._word = web, options, name, word
        self._value, self._until = "", 0.0

    def __call__(self) -> str:
        if time.monotonic() > self._until:
            url = str(self._options["token_url"])
            form = {"grant_type": "password", "client_id": self._options.get("client_id", ""), "username": self._name,
                    "password": self._word}  # fmt: skip
            try:
                answer = self._web.session.post(url, data=form, allow_redirects=False)
                content = answer.json() if answer.status_code == 200 else {}
            except (requests.RequestException, ValueError) as error:
                raise MissingDataError(shown(url), "token", self._web.said(type(error).__name__), "a token",
                                       "The account service is down.") from None  # fmt: skip
            if not content.get("access_token"):
                raise MissingDataError(shown(url), "token", f"status {answer.status_code}", "a token",
                                       "Check the account's name and password in the environment.")  # fmt: skip
            self._value = f"Bearer {content['access_token']}"
            self._until = time.monotonic() + 0.8 * float(content.get("expires_in", 60))
        return self._value


class _Whole:
    """Opens a band after fetching it whole and checking it."""

    def __init__(self, web: Web, links: Mapping[str, Mapping[str, str]], folder: Path) -> None:
        self._web, self._folder = web, folder
        self._sums = {v["href"]: v["checksum"] for v in links.values()}
        self._names = {v["href"]: band for band, v in links.items()}

    @contextlib.contextmanager
    def __call__(self, address: str) -> Iterator[rasterio.io.DatasetReader]:
        target = self._folder / self._names[address]
        if not target.is_file() or mismatch(target, self._sums[address]):
            self._web.download(address, target, self._sums[address])
        with crop.local(str(target)) as source:
            yield source
        target.unlink()  # its part stands; a tile's bands are most of a gigabyte


def _boxes(west: float, south: float, east: float, north: float) -> list[list[float]]:
    """A bounding box as RFC 7946 writes it: west exceeds east across the date line."""

    def turn(lon: float) -> float:
        return (lon + 180.0) % 360.0 - 180.0 if not -180.0 <= lon <= 180.0 else lon

    return [[turn(west), south, turn(east), north]]


def _newest(items: Sequence[pystac.Item]) -> list[pystac.Item]:
    """Of several processings of one pass over one tile the newest, in order of the pass."""
    best: dict[tuple[str, str, str], pystac.Item] = {}
    for item in sorted(items, key=lambda i: str(i.properties.get("updated") or i.properties.get("created") or i.id)):
        tile = str(item.properties.get("grid:code") or item.properties.get("s2:mgrs_tile") or item.bbox)
        best[str(item.properties.get("platform")), f"{item.datetime:%Y%m%dT%H%M%S}", tile] = item
    return sorted(best.values(), key=lambda i: (str(i.datetime), i.id))


def _scaling(item: pystac.Item, assets: Mapping[str, str]) -> tuple[float, float]:
    """Scale and offset that turn an item's numbers into reflectance.

    Raises:
        InputError: they differ between bands.
    """
    if item.properties.get("earthsearch:boa_offset_applied") is True:
        return 1e-4, 0.0
    pairs = set()
    for band, key in assets.items():
        if band == "SCL" or key not in item.assets:
            continue
        extra = item.assets[key].extra_fields
        first = (extra.get("raster:bands") or extra.get("bands") or [{}])[0]
        scale = first.get("scale", first.get("raster:scale", extra.get("raster:scale")))
        offset = first.get("offset", first.get("raster:offset", extra.get("raster:offset")))
        if scale is not None:
            pairs.add((float(scale), float(offset or 0.0)))
    if len(pairs) > 1:
        raise InputError(item.id, "scale and offset", sorted(pairs), "the same in all bands", "It was passed over.")
    if pairs:
        return pairs.pop()
    baseline = str(item.properties.get("s2:processing_baseline") or item.properties.get("processing:version") or "")
    return 1e-4, -0.1 if baseline >= "04.00" else 0.0


def _angles(item: pystac.Item) -> rayleigh.Angles:
    """Means of sun and view over a Level 1C item; a view that the item does not say is taken as straight down.

    Raises:
        InputError: no height of the sun, or one too low.
    """
    said = item.properties
    height = said.get("view:sun_elevation")
    zenith = 90.0 - float(height) if height is not None else said.get("s2:mean_solar_zenith")
    if zenith is None:
        raise InputError(item.id, "view:sun_elevation", "nothing", "the sun's mean height over the scene, degrees",
                         "Without it the air's scattering stays in Level 1C: it was passed over.")  # fmt: skip
    more = (said.get("view:sun_azimuth", said.get("s2:mean_solar_azimuth")),
            said.get("view:incidence_angle", said.get("view:off_nadir")), said.get("view:azimuth"))  # fmt: skip
    known = [float(m) for m in more if m is not None]
    return rayleigh.Angles(float(zenith), *(known if len(known) == len(more) else ())).checked(item.id)


def _file_name(text: str) -> str:
    """A file name of an id that a service gave: no separators, no leading dot."""
    kept = "".join(c if c.isalnum() or c in "._-" else "_" for c in text).lstrip(".")
    return kept[:120] or "scene"
