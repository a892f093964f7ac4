"""The catalogue in the shape of STAC API 1.0: a collection a region, an item a stage of a day, files as assets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from oceanclean.serving.features import Box, Limit, Offset, When
from oceanclean.serving.gate import may
from oceanclean.serving.shelf import ServedDay, Shelf, bounds_of, parse_bbox, parse_interval, touches
from oceanclean.store import read_json

VERSION = "1.0.0"
CONFORMANCE = [
    "https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/item-search", "https://api.stacspec.org/v1.0.0/ogcapi-features",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
]  # fmt: skip
_MOST_NAMES = 100


class Search(BaseModel):
    """Body of a search, as STAC API names its fields."""

    model_config = ConfigDict(extra="ignore")

    collections: list[str] = Field(default_factory=list, max_length=_MOST_NAMES)
    ids: list[str] = Field(default_factory=list, max_length=_MOST_NAMES)
    bbox: list[float] = Field(default_factory=list, max_length=6)
    datetime: str = Field(default="", max_length=100)
    limit: int = Field(default=100, ge=1)
    offset: int = Field(default=0, ge=0, le=10**9)


def router(shelf: Shelf, page_limit: int) -> APIRouter:
    """Catalogue, collections, items, search, and the files that they name."""
    api = APIRouter(dependencies=[Depends(may("viewer"))], tags=["catalogue"])

    @api.get("/stac")
    def catalogue(request: Request) -> dict[str, Any]:
        """The catalogue."""
        children = [_link(request, "child", f"stac/collections/{name}") for name in shelf.regions()]
        links = [_link(request, "self", "stac"), _link(request, "root", "stac"),
                 _link(request, "data", "stac/collections"),
                 {**_link(request, "search", "stac/search"), "method": "GET"},
                 {**_link(request, "search", "stac/search"), "method": "POST"},
                 _link(request, "service-desc", "openapi.json"), *children]  # fmt: skip
        return {"type": "Catalog", "stac_version": VERSION, "id": "oceanclean", "title": "oceanclean",
                "description": "Days that were planned.", "conformsTo": CONFORMANCE, "links": links}  # fmt: skip

    @api.get("/stac/collections")
    def collections(request: Request) -> dict[str, Any]:
        """One a region."""
        return {"collections": [_collection(request, shelf, name) for name in shelf.regions()],
                "links": [_link(request, "self", "stac/collections"), _link(request, "root", "stac")]}  # fmt: skip

    @api.get("/stac/collections/{region}")
    def collection(request: Request, region: str) -> dict[str, Any]:
        """A region."""
        return _collection(request, shelf, region)

    @api.get("/stac/collections/{region}/items")
    def items(
        request: Request, region: str, limit: Limit = 100, offset: Offset = 0, bbox: Box = "", when: When = ""
    ) -> JSONResponse:
        """Items of a region."""
        shelf.region(region)
        return _search(request, shelf, Search(collections=[region], bbox=list(parse_bbox(bbox) or ()), datetime=when,
                                              limit=limit, offset=offset), page_limit)  # fmt: skip

    @api.get("/stac/collections/{region}/items/{item}")
    def item(request: Request, region: str, item: str) -> JSONResponse:
        """An item: a stage of a day."""
        shelf.region(region)
        found = [i for d in shelf.days(region) if item.startswith(d.key) for i in _items(request, d) if i["id"] == item]
        if not found:
            raise HTTPException(404, "There is no such item.")
        return JSONResponse(found[0], media_type="application/geo+json")

    @api.get("/stac/search")
    def search(
        request: Request, collections: Annotated[str, Field(max_length=2000)] = "",
        ids: Annotated[str, Field(max_length=4000)] = "", limit: Limit = 100, offset: Offset = 0, bbox: Box = "",
        when: When = "",
    ) -> JSONResponse:  # fmt: skip
        """Items of all regions, by names set apart by commas, box and time."""
        named, wanted = ([v for v in text.split(",") if v][:_MOST_NAMES] for text in (collections, ids))
        return _search(request, shelf, Search(collections=named, ids=wanted, bbox=list(parse_bbox(bbox) or ()),
                                              datetime=when, limit=limit, offset=offset), page_limit)  # fmt: skip

    @api.post("/stac/search")
    def search_body(request: Request, body: Search) -> JSONResponse:
        """The same search as a JSON body."""
        parse_bbox(",".join(str(v) for v in body.bbox))
        return _search(request, shelf, body, page_limit)

    _add_files(api, shelf)
    return api


def _add_files(api: APIRouter, shelf: Shelf) -> None:
    """What items point to: files of a day, and its map as a raster."""

    @api.get("/files/{region}/{day}/{stage}/{name}", response_class=FileResponse)
    def file(region: str, day: str, stage: str, name: str) -> Response:
        """A file of a day, byte ranges too; its digest is the entity tag."""
        path, digest = shelf.day(region, day).file(stage, name)
        if path.is_dir():
            raise HTTPException(404, "There is no such file.")
        return FileResponse(path, headers={"ETag": f'"{digest}"'})

    @api.get("/regions/{region}/density.tif", response_class=FileResponse)
    def density(region: str, day: str = "") -> Response:
        """The density map of a day (default: the last) as the COG that the day left; its bands name themselves."""
        made, _ = shelf.day(region, day).file("map", "density.tif")
        return FileResponse(made, filename=f"{region}-density.tif",
                            media_type="image/tiff; application=geotiff; profile=cloud-optimized")  # fmt: skip


def _link(request: Request, relation: str, path: str) -> dict[str, str]:
    return {"rel": relation, "href": f"{request.base_url}{path}", "type": "application/json"}


def _collection(request: Request, shelf: Shelf, region: str) -> dict[str, Any]:
    settings, days = shelf.region(region), shelf.days(region)
    times = [_stamp(days[0].issued), _stamp(days[-1].issued)] if days else [None, None]
    place = f"stac/collections/{region}"
    return {
        "type": "Collection", "stac_version": VERSION, "id": region, "title": settings.title,
        "description": f"Plans for {settings.title} and what they rest on.", "license": "other",
        "extent": {"spatial": {"bbox": [list(bounds_of(settings))]}, "temporal": {"interval": [times]}},
        "links": [_link(request, "self", place), _link(request, "root", "stac"), _link(request, "parent", "stac"),
                  _link(request, "items", f"{place}/items")],
    }  # fmt: skip


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _items(request: Request, day: ServedDay) -> list[dict[str, Any]]:
    """Items of a day from the catalogue of its run, with addresses of this server."""
    found = []
    for stage, record in day.stages():
        path = day.folder / "catalog" / stage / f"{stage}.json"
        if not path.is_file():
            continue
        item = read_json(path)
        name, place = f"{day.key}-{stage}", f"stac/collections/{day.region}"
        assets = {
            key: {**asset, "href": f"{request.base_url}files/{day.region}/{day.key}/{stage}/{key}"}
            for key, asset in item["assets"].items() if key in record["outputs"]
        }  # fmt: skip
        found.append({**item, "id": name, "collection": day.region, "assets": assets, "links": [
            _link(request, "self", f"{place}/items/{name}"), _link(request, "root", "stac"),
            _link(request, "parent", place), _link(request, "collection", place),
        ]})  # fmt: skip
    return found


def _search(request: Request, shelf: Shelf, wanted: Search, page_limit: int) -> JSONResponse:
    span = parse_interval(wanted.datetime)
    box = parse_bbox(",".join(str(v) for v in wanted.bbox))
    names = [n for n in shelf.regions() if not wanted.collections or n in wanted.collections]
    days = [d for n in names for d in reversed(shelf.days(n)) if span is None or span[0] <= d.issued <= span[1]]
    found = [
        i for d in days for i in _items(request, d)
        if (not wanted.ids or i["id"] in wanted.ids) and touches(box, tuple(i["bbox"][:4]))
    ]  # fmt: skip
    size = min(wanted.limit, page_limit)
    shown = found[wanted.offset : wanted.offset + size]
    links = [_link(request, "root", "stac")]
    if wanted.offset + size < len(found):
        if request.method == "POST":
            links.append({**_link(request, "next", "stac/search"), "method": "POST",
                          "body": {**wanted.model_dump(), "offset": wanted.offset + size}})  # type: ignore[dict-item]  # fmt: skip
        else:
            following = request.url.include_query_params(offset=wanted.offset + size, limit=size)
            links.append({"rel": "next", "href": str(following), "type": "application/geo+json"})
    return JSONResponse(
        {"type": "FeatureCollection", "features": shown, "numberMatched": len(found), "numberReturned": len(shown),
         "links": links},
        media_type="application/geo+json",
    )  # fmt: skip
