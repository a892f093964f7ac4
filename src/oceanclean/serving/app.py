"""The served interface as one ASGI application. Everything but ``/healthz`` stands behind a token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from oceanclean import __version__
from oceanclean.errors import BusyError, CorruptStoreError, InputError, MissingDataError, OceancleanError
from oceanclean.serving import features, stac, uploads
from oceanclean.serving.gate import HEALTH, Counts, Gate, may
from oceanclean.serving.settings import ServingSettings, load_serving_settings
from oceanclean.serving.shelf import Shelf
from oceanclean.serving.tokens import TokenStore
from oceanclean.store import read_json

_STATUS: list[tuple[type[OceancleanError], int]] = [
    (MissingDataError, 404), (InputError, 422), (BusyError, 409), (CorruptStoreError, 503),
]  # fmt: skip


def application(work: Path, config: Path | None = None, settings: ServingSettings | None = None) -> Gate:
    """The application for a work folder.

    Args:
        work: folder of runs, registry, labels and tokens.
        config: configuration folder.
        settings: sizes and rates; those of ``config/serving.yaml`` if None.
    """
    settings = settings or load_serving_settings(config)
    shelf, counts, tokens = Shelf(work, config), Counts(), TokenStore.of(work)
    app = FastAPI(title="oceanclean", version=__version__, docs_url=None, redoc_url=None, openapi_url=None,
                  description="Deployment plans of cleanup vessels and what they rest on.")  # fmt: skip
    app.include_router(features.router(shelf, settings.page_limit))
    app.include_router(stac.router(shelf, settings.page_limit))
    app.include_router(uploads.router(uploads.Bench(work, config, settings)))
    app.include_router(_operations(app, work, counts))
    app.add_exception_handler(OceancleanError, _refusal)
    app.add_middleware(_SmallBodies, limit=settings.max_body_bytes)
    return Gate(app, tokens, settings, counts)


async def _refusal(_request: Request, error: Exception) -> Response:
    """A known error in its own words, without the places of this machine's files."""
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 422)
    if isinstance(error, InputError):
        where = Path(error.source).name
        detail = f"{where}: {error.field}: found {error.found}; expected {error.expected}. {error.action}"
    else:
        detail = "A stored file is damaged; the server's owner must look." if status == 503 else str(error)
    return JSONResponse({"detail": detail}, status)


class _SmallBodies:
    """Refuses large bodies where no upload is taken, before they are read; those of uploads bound themselves."""

    def __init__(self, app: Any, limit: int) -> None:
        self.app, self.limit = app, limit

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"].startswith(("/detect/", "/intake/")):
            await self.app(scope, receive, send)
            return
        size = 0

        async def bounded() -> Any:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self.limit:
                return {"type": "http.disconnect"}
            return message

        told = dict(scope["headers"]).get(b"content-length", b"0")
        if told.isdigit() and int(told) > self.limit:
            await PlainTextResponse("", 413)(scope, receive, send)
            return
        await self.app(scope, bounded, send)


def _operations(app: FastAPI, work: Path, counts: Counts) -> Any:
    """Health, metrics, models, audit logs and the interface's own description."""
    from fastapi import APIRouter

    api = APIRouter(tags=["operations"])
    viewer, admin = Depends(may("viewer")), Depends(may("admin"))

    @api.get(HEALTH, status_code=204, response_class=Response)
    async def health() -> Response:
        """The server runs."""
        return Response(status_code=204)

    @api.get("/openapi.json", dependencies=[viewer], include_in_schema=False)
    def description() -> JSONResponse:
        return JSONResponse(_description(app))

    @api.get("/metrics", dependencies=[viewer], response_class=PlainTextResponse)
    def metrics() -> PlainTextResponse:
        """Requests, and the figures of ``oceanclean monitor`` of every region, in Prometheus' text format."""
        from prometheus_client import generate_latest

        from oceanclean.learning.monitor import Figure, Report, prometheus_text

        reports = []
        for path in sorted((work / "monitor").glob("*/report.json")):
            told = read_json(path)
            reports.append(Report(told["region"], told["issue_time"], [Figure(**f) for f in told["figures"]]))
        text = generate_latest(counts.registry).decode() + prometheus_text(reports)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    @api.get("/models", dependencies=[viewer])
    def models() -> list[dict[str, Any]]:
        """Registered models and their aliases."""
        from oceanclean.learning.registry import Registry

        return Registry.of(work).listing()

    @api.get("/audit", dependencies=[admin])
    def audit() -> dict[str, Any]:
        """Who registered, promoted, refused and took back which model, and who approved which plan."""
        from oceanclean.learning.registry import Registry
        from oceanclean.planning.runs import read_audit

        decisions = [dict(d.__dict__) for d in read_audit(work).decisions]
        return {"models": Registry.of(work).events(), "plans": decisions}

    return api


def _description(app: FastAPI) -> dict[str, Any]:
    """The interface as OpenAPI, with the token as its security scheme."""
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    found.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    found["security"] = [{"token": []}]
    found["paths"][HEALTH]["get"]["security"] = []
    return found


def serve(work: Path, config: Path | None, host: str, port: int) -> None:
    """Serve until it is stopped.

    Raises:
        MissingDataError: there is no token yet, so that nobody could call.
    """
    import uvicorn

    tokens = TokenStore.of(work)
    if not tokens.tokens():
        raise MissingDataError(tokens.path, "tokens", "none", "at least one token",
                               "Run: oceanclean tokens add --owner NAME --role admin")  # fmt: skip
    print(f"oceanclean serves http://{host}:{port}/ (stop with Ctrl-C)", flush=True)  # noqa: T201
    uvicorn.run(application(work, config), host=host, port=port, log_level="warning", server_header=False,
                timeout_keep_alive=15)  # fmt: skip
