"""The desk as a web application: pages are made on the server, every change is a form that is posted.

It knows no passwords: it listens on this machine alone unless told otherwise, answers only to the names it is reached
by, and takes a form only from a page of its own (a token in the form, and the browser's word on where it comes from).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response

from oceanclean.chain import DailyRun, audit, audit_file, decided
from oceanclean.chain.replan import approve, replan, stored
from oceanclean.decisions import Decisions, load_decisions
from oceanclean.desk import forms
from oceanclean.desk.view import PAGE_STYLE, render
from oceanclean.errors import OceancleanError

#: Largest form taken, in bytes.
FORM_LIMIT = 65_536
LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")


class Desk:
    """The desk of one day: the decisions that are being made, not yet planned with.

    Args:
        run: a day that was planned.
        names: host names that the desk answers to.
    """

    def __init__(self, run: DailyRun, names: tuple[str, ...] = LOOPBACK) -> None:
        self.run, self.names = run, names
        self.token = secrets.token_urlsafe(24)
        path = decided.day_file(run)
        self.decisions = load_decisions(path) if path.is_file() else Decisions()
        self.busy = asyncio.Lock()

    def page(self, message: str = "") -> str:
        """The desk as HTML."""
        return render(self.run, self.decisions, self.token, message)

    def act(self, action: str, fields: dict[str, str]) -> str:
        """Do what a form asks for; the answer is a sentence for the planner.

        Raises:
            OceancleanError: it cannot be done; the message says why.
        """
        by = fields.get("by", "").strip()
        if action == "add":
            self.decisions = forms.added(self.decisions, fields.get("kind", ""), fields)
            return "Noted. Re-plan to see what it costs."
        if action == "remove":
            self.decisions = forms.removed(self.decisions, fields.get("kind", ""), fields.get("index", ""))
            return "Taken out. Re-plan to put it into force."
        if action == "replan":
            result = replan(self.run, Decisions.model_validate({**self.decisions.model_dump(), "by": by}))
            seconds = sum(r.seconds for r in result.records if not r.reused)
            return f"Re-planned in {seconds:.1f} s: {result.expected_kg:,.0f} kg expected. The plan is a draft."
        if action in {"approve", "withdraw"}:
            approve(self.run, by, note=fields.get("note", ""), withdraw=action == "withdraw",
                    plan=fields.get("plan", ""))  # fmt: skip
            return f"{'Approved' if action == 'approve' else 'Approval withdrawn'} by {by}."
        return "Nothing was done."

    def refused(self, request: Request) -> str:
        """Why a request is not answered; "" where it is."""
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        if host not in self.names and f"[{host}]" not in self.names:
            return "The desk does not answer to this name."
        origin = request.headers.get("origin")
        if request.method == "POST" and origin and urlsplit(origin).netloc != request.headers.get("host"):
            return "The form comes from another site."
        return ""


def desk(run: DailyRun, names: tuple[str, ...] = LOOPBACK) -> FastAPI:
    """The application for one day.

    Raises:
        MissingDataError: the day was not planned.
    """
    stored(run, "publish")
    state = Desk(run, names)
    app = FastAPI(title="oceanclean desk", docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def guarded(request: Request, answer: Any) -> Response:
        if why := state.refused(request):
            return PlainTextResponse(why, 403)
        response: Response = await answer(request)
        response.headers.update(_HEADERS if request.url.path == "/" else {"X-Content-Type-Options": "nosniff"})
        return response

    @app.get("/")
    async def home(said: str = "") -> HTMLResponse:
        return HTMLResponse(await asyncio.to_thread(state.page, said[:400]))

    @app.get("/plan/{name}")
    async def file(name: str) -> Response:
        published = stored(run, "publish")
        if name not in published.facts["files"].values():
            return PlainTextResponse("No such file in this plan.", 404)
        return FileResponse(published.path(name), headers={"Cache-Control": "no-store"})

    @app.get("/favicon.ico")
    async def icon() -> Response:
        return Response(status_code=204)

    @app.get("/audit")
    async def log() -> PlainTextResponse:
        path = audit_file(run)
        audit.read(path)
        return PlainTextResponse(path.read_text(encoding="utf-8") if path.is_file() else "")

    @app.post("/{action}")
    async def post(action: str, request: Request) -> Response:
        body = await _body(request)
        fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        if not secrets.compare_digest(fields.pop("token", ""), state.token):
            return PlainTextResponse("The form is stale: load the desk again.", 403)
        try:
            async with state.busy:
                said = await asyncio.to_thread(state.act, action, fields)
        except OceancleanError as error:
            said = f"Not done. {error}"
        return RedirectResponse(f"/?said={quote(said)}", 303)

    return app


async def _body(request: Request) -> bytes:
    """The form, cut where it grows beyond the limit."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > FORM_LIMIT:
            break
    return body[:FORM_LIMIT]


_STYLE_HASH = base64.b64encode(hashlib.sha256(PAGE_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def serve(run: DailyRun, host: str, port: int) -> None:
    """Serve the desk until it is stopped.

    Raises:
        MissingDataError: the day was not planned.
    """
    import uvicorn

    names = LOOPBACK if host in LOOPBACK else (*LOOPBACK, host)
    app = desk(run, names)
    print(f"The desk for {run.region_name} {run.issue_time}: http://{host}:{port}/ (stop with Ctrl-C)", flush=True)  # noqa: T201
    uvicorn.run(app, host=host, port=port, log_level="warning")
