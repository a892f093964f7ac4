"""Plans, detections and hot spots in the shape of OGC API – Features, part 1 (OGC 17-069r4), core and GeoJSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import JSONResponse

from oceanclean.serving.gate import may
from oceanclean.serving.shelf import (
    Bounds,
    ServedDay,
    Shelf,
    bounds_of,
    geometry_bounds,
    parse_bbox,
    parse_interval,
    read_geojson,
    touches,
)

CONFORMANCE = [
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
]
_GEOJSON = "application/geo+json"
_PRODUCTS = {
    "plan": "orders, legs, tasks, ports and closed areas of the deployment plan",
    "detections": "debris and its look-alikes as seen in the day's scenes",
    "hotspots": "places of high expected debris mass",
}
Limit = Annotated[int, Query(ge=1, description="most features of one answer")]
Offset = Annotated[int, Query(ge=0, le=10**9, description="features to leave out, for the next page")]
Box = Annotated[str, Query(max_length=200, description="west,south,east,north in degrees")]
When = Annotated[
    str, Query(alias="datetime", max_length=100, description="issue time or interval; default: the last plan")
]


def router(shelf: Shelf, page_limit: int) -> APIRouter:
    """Landing page, conformance, collections and their items."""
    api = APIRouter(dependencies=[Depends(may("viewer"))], tags=["features"])

    @api.get("/")
    def landing(request: Request) -> dict[str, Any]:
        """Where everything is."""
        links = [_link(request, "self", "", "this page")]
        for path, relation, title in (
            ("conformance", "conformance", "conformance classes"), ("collections", "data", "features"),
            ("openapi.json", "service-desc", "the interface as OpenAPI"), ("stac", "child", "STAC catalogue"),
        ):  # fmt: skip
            links.append(_link(request, relation, path, title))
        return {"title": "oceanclean", "description": "Deployment plans and what they rest on.", "links": links}

    @api.get("/conformance")
    def conformance() -> dict[str, Any]:
        """Conformance classes."""
        return {"conformsTo": CONFORMANCE}

    @api.get("/collections")
    def collections(request: Request) -> dict[str, Any]:
        """One collection a region and product."""
        found = [_collection(request, shelf, region, product) for region in shelf.regions() for product in _PRODUCTS]
        return {"collections": found, "links": [_link(request, "self", "collections", "collections")]}

    @api.get("/collections/{collection}")
    def collection(request: Request, collection: str) -> dict[str, Any]:
        """A collection."""
        return _collection(request, shelf, *_named(shelf, collection))

    @api.get("/collections/{collection}/items")
    def items(
        request: Request, collection: str, limit: Limit = 100, offset: Offset = 0, bbox: Box = "", when: When = ""
    ) -> JSONResponse:
        """Features of the last plan, or of the plans issued in an interval."""
        region, product = _named(shelf, collection)
        box, days = parse_bbox(bbox), _days(shelf, region, when)
        matched = [f for d in days for f in _features(d, product) if _inside(box, f)]
        size = min(limit, page_limit)
        shown = matched[offset : offset + size]
        links = [_link(request, "self", f"collections/{collection}/items", "this page")]
        if offset + size < len(matched):
            following = request.url.include_query_params(offset=offset + size, limit=size)
            links.append({"rel": "next", "href": str(following), "type": _GEOJSON})
        return JSONResponse(
            {"type": "FeatureCollection", "features": shown, "numberMatched": len(matched),
             "numberReturned": len(shown), "links": links},
            media_type=_GEOJSON,
        )  # fmt: skip

    @api.get("/collections/{collection}/items/{feature}")
    def item(collection: str, feature: str) -> JSONResponse:
        """One feature, named by day and id: ``<day>.<id>``."""
        region, product = _named(shelf, collection)
        key = feature.partition(".")[0]
        found = [f for d in shelf.days(region) if d.key == key for f in _features(d, product) if f["id"] == feature]
        if not found:
            raise HTTPException(404, "There is no such feature.")
        return JSONResponse(found[0], media_type=_GEOJSON)

    return api


def _link(request: Request, relation: str, path: str, title: str) -> dict[str, str]:
    return {"rel": relation, "href": f"{request.base_url}{path}", "type": "application/json", "title": title}


def _named(shelf: Shelf, collection: str) -> tuple[str, str]:
    region, _, product = collection.rpartition(".")
    if product not in _PRODUCTS or region not in shelf.regions():
        raise HTTPException(404, "There is no such collection.")
    return region, product


def _collection(request: Request, shelf: Shelf, region: str, product: str) -> dict[str, Any]:
    name, settings, days = f"{region}.{product}", shelf.region(region), shelf.days(region)
    times = [days[0].issued.isoformat(), days[-1].issued.isoformat()] if days else [None, None]
    return {
        "id": name, "title": f"{settings.title}: {product}", "description": _PRODUCTS[product], "itemType": "feature",
        "extent": {"spatial": {"bbox": [list(bounds_of(settings))]}, "temporal": {"interval": [times]}},
        "links": [{**_link(request, "items", f"collections/{name}/items", product), "type": _GEOJSON}],
    }  # fmt: skip


def _days(shelf: Shelf, region: str, when: str) -> list[ServedDay]:
    span = parse_interval(when)
    days = shelf.days(region)
    return days[-1:] if span is None else [d for d in days if span[0] <= d.issued <= span[1]]


def _features(day: ServedDay, product: str) -> Iterator[dict[str, Any]]:
    """Features of a day with ids that hold over all days, and the issue time among their properties."""
    for n, feature in enumerate(_READ[product](day)):
        said = dict(feature.get("properties") or {})
        own = said.get("detection_id") or said.get("hotspot_id") or feature.get("id") or n
        yield {"type": "Feature", "id": f"{day.key}.{own}", "geometry": feature.get("geometry"),
               "properties": {**said, "issue_time": day.issued.strftime("%Y-%m-%dT%H:%M:%SZ")}}  # fmt: skip


def _plan(day: ServedDay) -> Iterator[dict[str, Any]]:
    published = dict(day.stages()).get("publish", {})
    name = published.get("facts", {}).get("files", {}).get("geojson", "")
    if name:
        yield from read_geojson(day.file("publish", name)[0])


def _detections(day: ServedDay) -> Iterator[dict[str, Any]]:
    for stage, record in day.stages():
        if stage.startswith("detect-") and "detections.parquet" in record["outputs"]:
            yield from read_geojson(day.file(stage, "detections.parquet")[0])


def _hotspots(day: ServedDay) -> Iterator[dict[str, Any]]:
    if "hotspots.parquet" in dict(day.stages()).get("map", {}).get("outputs", {}):
        yield from read_geojson(day.file("map", "hotspots.parquet")[0])


_READ: dict[str, Callable[[ServedDay], Iterator[dict[str, Any]]]] = {
    "plan": _plan, "detections": _detections, "hotspots": _hotspots,
}  # fmt: skip


def _inside(box: Bounds | None, feature: dict[str, Any]) -> bool:
    if box is None:
        return True
    bounds = geometry_bounds(feature["geometry"])
    return bounds is not None and touches(box, bounds)
