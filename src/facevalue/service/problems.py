"""What goes wrong with a request: a status, a code for programs and one line for people.

400 form       a body that is no form of files      413 body     more bytes than allowed
400 files      more files than allowed, or none     415 type     neither a picture nor a form
401 token      the token is missing or wrong        422 query    a query that can't be
404 address    no such address                      422 picture  damaged, no picture, or too many pixels
405 method     not with this method                 429 queue    too many requests at once; Retry-After
408 slow       the body took too long to arrive     503 time     the reading took too long
503 log        the log can't be reached            503 ready    still starting, or about to end
500 fault      a fault of this program; its log says more
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from facevalue.service.page import guarding

CODES = {404: "address", 405: "method"}


class Refused(Exception):
    """A request that is not answered with a reading."""

    def __init__(
        self, status: int, code: str, problem: str, *, file: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(problem)
        self.status, self.code, self.problem, self.file = status, code, problem, file
        self.headers = dict(headers or {})

    def response(self) -> JSONResponse:
        """As JSON; ``file`` is named where one picture alone was sent."""
        named = {} if self.file is None else {"file": self.file}
        return JSONResponse({**named, "error": self.problem, "code": self.code}, self.status, self.headers)


def refuse_unknown(request: Request, known: Sequence[str]) -> None:
    """Raise Refused for a query that names what nothing here reads, such as a misspelt ``kind``."""
    for name in request.query_params:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known)}"
            raise Refused(422, "query", f"{name[:40]!r} is nothing that can be asked for here; {hint}")


def answer_with_json(app: FastAPI, count: Callable[[str], None]) -> None:
    """Make every error of an app a JSON object with ``error`` and ``code``, and count it by its code."""

    def told(error: Refused) -> JSONResponse:
        count(error.code)
        return error.response()

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> JSONResponse:
        return told(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return told(Refused(422, "query", f"{first['loc'][-1]}: {first['msg']}"))

    @app.exception_handler(HTTPException)
    async def refused_by_routing(request: Request, error: HTTPException) -> JSONResponse:
        code = CODES.get(error.status_code, "request")
        problem = f"{request.method} {request.url.path}: {error.detail}"
        return told(Refused(error.status_code, code, problem, headers=error.headers))

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        answer = told(Refused(500, "fault", "a fault of this program, which its log tells more of"))
        answer.raw_headers.extend(guarding(request.url.path))  # no middleware of ours lies outside of this one
        return answer
