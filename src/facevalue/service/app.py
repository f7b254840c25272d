"""The addresses of the service.

POST /v1/read   pictures in, readings out       GET /            the web page
GET  /v1/kinds  what can be read here           GET /page/*      its files
GET  /v1/log    a watcher's history             GET /weights/*   the networks, for reading in the browser
GET  /healthz   the process lives               GET /runtime/*   onnxruntime-web, likewise
GET  /readyz    readings can be asked for       GET /docs        the addresses, from /openapi.json
GET  /metrics   for Prometheus
"""

from __future__ import annotations

import contextlib
import dataclasses
import hmac
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, Query, Request, Security
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, multiprocess
from starlette.middleware.cors import CORSMiddleware
from starlette.staticfiles import NotModifiedResponse

from facevalue import __version__
from facevalue.codecs.dial import Scale
from facevalue.codecs.digits import MOST_DIGITS
from facevalue.errors import FaceValueError, PictureError, SettingError
from facevalue.reader import Reader
from facevalue.service.desk import Desk, Wish, choose_weights, quiet_libraries
from facevalue.service.limits import Settings
from facevalue.service.log import add_log
from facevalue.service.page import WEB, Guarded, HeadAsGet
from facevalue.service.problems import Refused, answer_with_json, refuse_unknown
from facevalue.service.runtime import FILES
from facevalue.service.schema import (
    BODY,
    HealthAnswer,
    KindAnswer,
    KindsAnswer,
    ReadingAnswer,
    UnreadAnswer,
    problems,
)
from facevalue.service.uploads import take_pictures

ABOUT = (
    "Reads instruments from pictures: the time off a clock, the value off a dial, the number off digits; "
    "and says when it is not sure."
)
SHOWN_TOKEN = Security(HTTPBearer(auto_error=False))
TYPES = {".mjs": "text/javascript", ".wasm": "application/wasm"}


def make_app(settings: Settings) -> FastAPI:
    """The service as an ASGI app, its readers loaded. Raises ModelError."""
    quiet_libraries()
    weights = choose_weights(settings.models)
    readers = {kind: Reader(kind, path) for kind, path in weights.items()}
    registry = CollectorRegistry()
    desk = Desk(readers, settings.threads, settings.limits, registry)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with desk.open():
            app.state.ready = True
            yield
            app.state.ready = False

    app = FastAPI(
        title="facevalue",
        version=__version__,
        description=ABOUT,
        lifespan=lifespan,
        docs_url=None,  # FastAPI's come from another site
        redoc_url=None,
    )
    app.state.ready = False
    answer_with_json(app, desk.count_refusal)
    add_reading(app, desk, settings)
    add_health(app, registry)
    add_page(app, weights, settings)
    if settings.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
        )
    app.add_middleware(HeadAsGet)
    app.add_middleware(Guarded)
    return app


def wanting_token(token: str) -> list[Any]:
    """The dependency that lets in who shows the token; none where there is no token."""
    if not token:
        return []

    def check(shown: HTTPAuthorizationCredentials | None = SHOWN_TOKEN) -> None:
        if shown is None or not hmac.compare_digest(shown.credentials.encode(), token.encode()):
            raise Refused(
                401,
                "token",
                "expected the header Authorization: Bearer TOKEN, with the token of this service",
                headers={"WWW-Authenticate": "Bearer"},
            )

    return [Depends(check)]


def add_reading(app: FastAPI, desk: Desk, settings: Settings) -> None:
    """POST /v1/read, GET /v1/kinds and GET /v1/log."""
    locked = wanting_token(settings.token)
    unlocked = (401,) if settings.token else ()
    kinds = list(desk.readers)

    @app.post(
        "/v1/read",
        summary="Read pictures",
        response_model=None,
        responses={
            200: {
                "model": ReadingAnswer | list[ReadingAnswer | UnreadAnswer],
                "description": "one object for one picture; for several files a list in their order",
            },
            **problems(400, *unlocked, 408, 413, 415, 422, 429, 503),
        },
        openapi_extra=BODY,
        dependencies=locked,
    )
    async def read(
        request: Request,
        kind: str = Query("clock", description="the kind of instrument", json_schema_extra={"enum": kinds}),
        top: int = Query(3, ge=1, le=10, description="how many values are named, the reading's own among them"),
        overlay: bool = Query(False, description="also send the picture with the reading drawn on it"),
        marks: bool = Query(False, description="also send where hands or digits were seen, in pixels"),
        span: str | None = Query(None, alias="range", description="of a dial: values at its ends, LOW:HIGH; else 0:10"),
        sweep: str | None = Query(
            None, description="of a dial: directions of its ends, START:END, clockwise degrees from up; else as seen"
        ),
        direction: str | None = Query(
            None,
            description="of a dial: how its values rise; else as seen",
            json_schema_extra={"enum": ["clockwise", "counterclockwise"]},
        ),
        digits: int | None = Query(
            None, ge=1, le=MOST_DIGITS, description="of digits: how many there are; another number of them is uncertain"
        ),
        decimals: int | None = Query(
            None, ge=0, le=MOST_DIGITS, description="of digits: so many stand after the decimal point; else as seen"
        ),
    ) -> Response:
        refuse_unknown(
            request, ("kind", "top", "overlay", "marks", "range", "sweep", "direction", "digits", "decimals")
        )
        if kind not in desk.readers:
            raise Refused(422, "query", f"kind: there is no {kind!r} here; there are: {', '.join(kinds)}")
        try:
            scale = Scale.from_text(span, sweep, direction)
            reader = desk.readers[kind].told(scale=scale, digits=digits, decimals=decimals)
        except SettingError as error:
            raise Refused(422, "query", str(error)) from error
        with desk.place():
            uploads, as_list = await take_pictures(request, settings.limits)
            results = await desk.read(uploads, Wish(reader, top, overlay, marks))
        if as_list:
            return JSONResponse(
                [
                    {"file": upload.name, "error": problem_of(result)} if isinstance(result, FaceValueError) else result
                    for upload, result in zip(uploads, results, strict=True)
                ]
            )
        if isinstance(results[0], FaceValueError):
            raise Refused(422, "picture", problem_of(results[0]), file=uploads[0].name)
        return JSONResponse(results[0])

    answer = KindsAnswer(
        version=__version__,
        kinds=[describe(reader) for reader in desk.readers.values()],
        in_browser=settings.web_runtime is not None,
        log=bool(settings.log_db),
        token_wanted=bool(settings.token),
    )

    @app.get("/v1/kinds", summary="What can be read here")
    async def list_kinds() -> KindsAnswer:
        return answer

    add_log(app, settings.log_db, locked, unlocked)


def problem_of(error: FaceValueError) -> str:
    return error.problem if isinstance(error, PictureError) else str(error)


def describe(reader: Reader) -> KindAnswer:
    weight = reader.weight
    return KindAnswer.model_validate(
        {
            "kind": reader.kind,
            "model": weight.name,
            "codec": weight.codec.name,
            "frame_px": list(weight.frame_px),
            "narrow_px": weight.narrow_px,
            "calibration": dataclasses.asdict(weight.calibration),
            "eccentricity": weight.eccentricity and dataclasses.asdict(weight.eccentricity),
            "weight": f"weights/{reader.kind}.onnx",
        }
    )


def add_health(app: FastAPI, registry: CollectorRegistry) -> None:
    """GET /healthz, /readyz and /metrics."""

    @app.get("/healthz", summary="The process lives")
    async def health() -> HealthAnswer:
        return HealthAnswer(status="alive")

    @app.get("/readyz", summary="Readings can be asked for", responses=problems(503))
    async def readiness() -> HealthAnswer:
        if not app.state.ready:
            raise Refused(503, "ready", "still starting, or about to end")
        return HealthAnswer(status="ready")

    @app.get(
        "/metrics",
        summary="Counts and times, for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def metrics() -> Response:
        return Response(generate_latest(gathered(registry)), media_type=CONTENT_TYPE_LATEST)


def gathered(registry: CollectorRegistry) -> CollectorRegistry:
    """The counts of this process; of all processes together where there are several."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return registry
    together = CollectorRegistry()
    multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together


def add_page(app: FastAPI, weights: dict[str, Path], settings: Settings) -> None:
    """The web page, its documentation of the addresses, and what reading in the browser needs."""

    @app.get("/", include_in_schema=False)
    async def index() -> FileResponse:
        return FileResponse(WEB / "index.html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(WEB / "docs.html")

    app.mount("/page", StaticFiles(directory=WEB))

    @app.get("/weights/{name}.onnx", include_in_schema=False, dependencies=wanting_token(settings.token))
    async def weight(request: Request, name: str) -> Response:
        if name not in weights:
            raise Refused(404, "address", f"no weight of {name!r} here; there are: {', '.join(weights)}")
        return file_or_unchanged(request, weights[name], "application/octet-stream")

    @app.get("/runtime/{name}", include_in_schema=False)
    async def runtime(request: Request, name: str) -> Response:
        folder = settings.web_runtime
        if folder is None or name not in FILES:
            raise Refused(404, "address", "no onnxruntime-web here; see facevalue serve --fetch-web")
        path = folder / name
        return file_or_unchanged(request, path, TYPES[path.suffix])


def file_or_unchanged(request: Request, path: Path, media_type: str) -> Response:
    """A file, or that the one the browser has is still it: they are megabytes, asked for at each visit."""
    answer = FileResponse(path, media_type=media_type, stat_result=os.stat(path))
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    return NotModifiedResponse(answer.headers) if answer.headers["etag"] in known else answer
