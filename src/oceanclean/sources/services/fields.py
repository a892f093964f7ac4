"""Currents, wind and waves from services: OPeNDAP, Zarr over HTTP, the Copernicus Marine toolbox.

What comes is the region's part, in the service's own names and units; the reader ``gridded`` does the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype

from oceanclean.errors import InputError, MissingDataError, OceancleanError
from oceanclean.sources import cf
from oceanclean.sources.gridded import QUANTITIES, SHORT, Window, cut
from oceanclean.sources.services.contract import Found, Service, from_environment, needs, service
from oceanclean.sources.services.web import Web, shown
from oceanclean.sources.times import iso, said

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

#: Attributes of a variable that its reader needs.
_KEPT = ("units", "standard_name", "long_name")


class Fields(Service):
    """A gridded data set, cut to the region and fetched some time steps at a time."""

    options = frozenset({"variables", "every_h", "steps_per_request", "level_index", "time_units"})

    @abstractmethod
    def open(self, web: Web) -> AbstractContextManager[xr.Dataset]:
        """Open the data set lazily."""

    @property
    def place(self) -> str:
        """What messages call the data set."""
        return shown(str(self.option("url", "")))

    def search(self) -> list[Found]:
        """One file for each ``every_h`` hours (default 6): a service's forecast changes no oftener."""
        hours = int(self.option("every_h", 6))
        slot = (
            min(self.want.now, self.want.until).floor(f"{hours}h")
            if self.want.live
            else self.want.until.floor(f"{hours}h")
        )
        available = iso(min(self.want.now, self.want.until)) if self.want.live else ""
        return [Found(name=f"{self.want.role}_{slot:%Y%m%dT%H}Z.nc", version=f"{slot:%Y%m%dT%H}", observed=iso(slot),
                      available_at=available, origin=self.place)]  # fmt: skip

    def fetch(self, found: Found, scratch: Path) -> None:
        """Write the region's part as files of some time steps each; those that stand are not fetched again."""
        scratch.mkdir(parents=True, exist_ok=True)
        web = self.web()
        try:
            with self.open(web) as data:
                fields = self._region(data)
                steps = int(self.option("steps_per_request", 24))
                count = fields.sizes["time"]
                for number, first in enumerate(range(0, count, steps)):
                    target = scratch / f"part-{number:03d}.nc"
                    if target.is_file():
                        continue
                    web.check_time()
                    piece = fields.isel(time=slice(first, first + steps)).load()
                    piece.to_netcdf(target.with_suffix(".aside"))
                    target.with_suffix(".aside").replace(target)
        except OceancleanError:
            raise
        except Exception as error:  # what a library of a protocol raises when its service fails is not written down
            raise MissingDataError(self.place, "fields", f"{type(error).__name__}: {web.said(error)}",
                                   "the region's fields", "The service is down, busy or has another form; it is called "
                                   "again at the next fetch.") from None  # fmt: skip

    def _region(self, data: xr.Dataset) -> xr.Dataset:
        """The quantities of the role over the region and the time window, lazy, ``(time, lat, lon)``."""
        path, chosen = Path(self.place), self.option("variables", {})
        if isinstance(chosen, dict):
            found = [cf.find_variable(data, q, chosen.get(SHORT[q]), path) for q in QUANTITIES[self.want.role]]
            names = [n for n in found if n is not None]
        else:
            names = [str(n) for n in chosen]
        lacking = [n for n in names if n not in data.variables]
        if lacking or len(names) < 2:
            raise InputError(self.place, "variables", f"{sorted(map(str, data.data_vars))[:20]}",
                             f"{lacking or 'the two components'}", "Correct option variables.")  # fmt: skip
        west, south, east, north = self.want.bounds
        window = Window(west, south, east, north, self.want.start, self.want.end, self.want.until)
        out = {}
        for name in names:
            array = cut(cf.canonical(data[name], path, dict(self.settings.options), window.centre_lon), window)
            out[name] = array.assign_attrs({k: data[name].attrs[k] for k in _KEPT if k in data[name].attrs})
        fields = xr.Dataset(out)
        if not all(fields.sizes.values()):
            raise MissingDataError(self.place, "fields", "nothing", f"fields from {said(self.want.start)} on over "
                                   "the region", "The service has nothing yet, or another area.")  # fmt: skip
        stated = cf.stated_availability(data, path)
        fields.attrs = {"forecast_reference_time": stated.isoformat()} if stated is not None else {}
        fields["lat"].attrs, fields["lon"].attrs = {"units": "degrees_north"}, {"units": "degrees_east"}
        return fields

    def normalise(self, found: Found, scratch: Path, target: Path) -> None:
        """Join the parts to one NetCDF that says when it was available, where it is from and its licence."""
        with contextlib.ExitStack() as stack:
            parts = [stack.enter_context(xr.open_dataset(p, decode_timedelta=False)).load()
                     for p in sorted(scratch.glob("part-*.nc"))]  # fmt: skip
        joined = xr.concat(parts, "time", data_vars="all", coords="minimal", compat="override", join="override",
                           combine_attrs="override")  # fmt: skip
        if found.available_at and "forecast_reference_time" not in joined.attrs:
            joined.attrs["available_at"] = found.available_at
        joined.attrs |= {"Conventions": "CF-1.11", "source": found.origin, "license": self.source.licence}
        for name in joined.data_vars:
            joined[name].encoding = {"zlib": True, "complevel": 1, "dtype": "float32", "_FillValue": np.float32("nan")}
        joined.to_netcdf(target)


@service("opendap")
class OpenDap(Fields):
    """A data set behind an OPeNDAP address (HYCOM, THREDDS, ERDDAP griddap)."""

    needed = frozenset({"url"})
    options = Fields.options | needed

    @contextlib.contextmanager
    def open(self, web: Web) -> Any:
        """Through pydap, so that every call has the session's guard, time-outs and tries."""
        needs("pydap")
        from pydap.client import open_url

        web.guard.check(self.option("url"))
        answer = web.get(f"{self.option('url')}.dds")
        if answer.status_code != 200:
            raise MissingDataError(self.place, "answer", f"status {answer.status_code}", "an OPeNDAP data set",
                                   "Correct the address, or wait until the service is back.")  # fmt: skip
        from xarray.backends import PydapDataStore

        raw = open_url(self.option("url"), session=web.session, protocol="dap2",
                       timeout=int(web.settings.read_s))  # fmt: skip
        with xr.open_dataset(PydapDataStore(raw), decode_timedelta=False) as data:
            yield data


@service("zarr")
class ZarrByUrl(Fields):
    """A Zarr store behind an HTTP address, with consolidated metadata."""

    needed = frozenset({"url"})
    options = Fields.options | needed

    @contextlib.contextmanager
    def open(self, web: Web) -> Any:
        """Through the session, chunk by chunk."""
        web.guard.check(self.option("url"))
        with xr.open_zarr(HttpStore(web, str(self.option("url"))), chunks=None, consolidated=True,
                          decode_timedelta=False) as data:  # fmt: skip
            yield data


@service("copernicus_marine")
class CopernicusMarine(Fields):
    """A data set of the Copernicus Marine Service through its toolbox; the account stands in the environment."""

    needed = frozenset({"dataset"})
    options = Fields.options | needed | {"username_env", "password_env"}

    @property
    def place(self) -> str:
        """The data set's id."""
        return f"copernicusmarine:{self.option('dataset')}"

    @contextlib.contextmanager
    def open(self, web: Web) -> Any:
        """Open lazily; the toolbox looks the address up in its catalogue and signs in."""
        toolbox = needs("copernicusmarine")
        own = {"username_env": "COPERNICUSMARINE_SERVICE_USERNAME", "password_env": "COPERNICUSMARINE_SERVICE_PASSWORD"}  # nosec B105
        account = self.settings.model_copy(update={"options": {**own, **self.settings.options}})
        name, word = (from_environment(account, k) for k in ("username", "password"))
        web.hide(name, word)
        west, south, east, north = self.want.bounds
        chosen = self.option("variables")
        margin = 0.5  # °, for the reader's interpolation at the edges
        data = toolbox.open_dataset(
            dataset_id=self.option("dataset"), username=name, password=word,
            variables=list(chosen.values()) if isinstance(chosen, dict) else chosen,
            minimum_longitude=west - margin, maximum_longitude=east + margin, minimum_latitude=max(south - margin, -90),
            maximum_latitude=min(north + margin, 90), start_datetime=iso(self.want.start - pd.Timedelta(days=1)),
            end_datetime=iso(self.want.end + pd.Timedelta(days=1)), coordinates_selection_method="inside",
        )  # fmt: skip
        with data:
            yield data


def _span(wanted: ByteRequest | None, size: int) -> slice:
    """The part of a value that Zarr asks for."""
    match wanted:
        case RangeByteRequest(start, end):
            return slice(start, end)
        case OffsetByteRequest(offset):
            return slice(offset, None)
        case SuffixByteRequest(suffix):
            return slice(max(0, size - suffix), None)
    return slice(None)


class HttpStore(Store):
    """A Zarr store whose keys are addresses, read through a service's calls.

    Args:
        web: calls.
        url: address of the store.
    """

    def __init__(self, web: Web, url: str) -> None:
        super().__init__(read_only=True)
        self._web, self._url = web, url.rstrip("/")

    supports_writes = False
    supports_deletes = False
    supports_listing = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HttpStore) and other._url == self._url

    def __hash__(self) -> int:
        return hash(self._url)

    def _body(self, key: str) -> bytes | None:
        answer = self._web.get(f"{self._url}/{key}")
        return answer.content if answer.status_code == 200 else None

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """A key's value; whole chunks only, as a chunk is what one call brings."""
        from zarr.core.buffer import default_buffer_prototype

        body = await asyncio.to_thread(self._body, key)
        if body is None:
            return None
        return (prototype or default_buffer_prototype()).buffer.from_bytes(body[_span(byte_range, len(body))])

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Values of several keys."""
        return [await self.get(key, prototype, span) for key, span in key_ranges]

    async def exists(self, key: str) -> bool:
        """Whether the service has a key."""
        return await asyncio.to_thread(self._body, key) is not None

    async def set(self, key: str, value: Buffer) -> None:
        """Refused: the store is read."""
        raise NotImplementedError("a service is read, not written")

    async def delete(self, key: str) -> None:
        """Refused: the store is read."""
        raise NotImplementedError("a service is read, not written")

    async def list(self) -> AsyncIterator[str]:
        """Nothing: HTTP lists no keys."""
        for key in tuple[str, ...]():
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Nothing: HTTP lists no keys."""
        for key in tuple[str, ...]():
            yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Nothing: HTTP lists no keys."""
        for key in tuple[str, ...]():
            yield key
