"""A request's body as pictures, while it keeps to the limits. Nothing is written to disk, nothing is fetched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import NamedTuple

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from facevalue.service.limits import Limits
from facevalue.service.problems import Refused

RAW_TYPES = ("image/", "application/octet-stream", "application/x-www-form-urlencoded")  # the last: curl --data-binary


class Upload(NamedTuple):
    """A picture file of a client's."""

    name: str
    data: bytes


class InMemory(MultiPartParser):
    """A form whose files stay in memory, since the body is bounded; and which knows whether it has come to its end."""

    spool_max_size = 1 << 40
    ended = False

    def on_end(self) -> None:
        self.ended = True

    def close(self) -> None:
        """Let go of all files, of those too that were begun and not ended."""
        for file in self._files_to_close_on_error:
            file.close()


async def take_pictures(request: Request, limits: Limits) -> tuple[list[Upload], bool]:
    """The pictures of a request, and whether it is a list that is answered with a list. Raises Refused."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_form = kind == "multipart/form-data"
    if not is_form and not kind.startswith(RAW_TYPES):
        raise Refused(
            415, "type", f"content type {kind or '(none)'!r}: expected an image/ type or multipart/form-data with files"
        )
    try:
        async with asyncio.timeout(limits.body_seconds):
            if not is_form:
                return [Upload("-", b"".join([chunk async for chunk in bounded(request, limits)]))], False
            uploads = await take_form(request, limits)
    except TimeoutError:
        raise Refused(
            408,
            "slow",
            f"the body has not arrived whole within {limits.body_seconds:g} seconds",
            headers={"Connection": "close"},
        ) from None
    except ClientDisconnect:
        raise Refused(400, "form", "the connection was closed before the body was whole") from None
    return uploads, len(uploads) > 1


async def bounded(request: Request, limits: Limits) -> AsyncGenerator[bytes, None]:
    """The body's parts as they come. Raises Refused as soon as it is seen to be too long."""
    too_long = Refused(
        413,
        "body",
        f"the body has more than the {limits.body_bytes / 1e6:g} million bytes allowed",
        headers={"Connection": "close"},
    )
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > limits.body_bytes:
        raise too_long
    taken = 0
    async for chunk in request.stream():
        taken += len(chunk)
        if taken > limits.body_bytes:
            raise too_long
        yield chunk


def writable(name: str) -> str:
    """A file's name as UTF-8 can have it: some charsets bring halves of a character."""
    return name.encode("utf-8", "replace").decode()


async def take_form(request: Request, limits: Limits) -> list[Upload]:
    """The files of a form, in order. Raises Refused."""
    parser = InMemory(request.headers, bounded(request, limits), max_files=limits.files, max_fields=0)
    try:
        form = await parser.parse()
        files = [item for _, item in form.multi_items() if isinstance(item, UploadFile)]
        uploads = [Upload(writable(file.filename or "-"), await file.read()) for file in files]
    except MultiPartException as error:
        if "files" in error.message:
            raise Refused(400, "files", f"more than the {limits.files} files allowed in a request") from error
        if "fields" in error.message:
            raise Refused(
                400, "form", "a form field that is no file; kind, top and overlay belong in the address: ?kind=digits"
            ) from error
        raise Refused(400, "form", f"not a form that can be taken apart: {error.message}") from error
    except UnicodeError as error:
        raise Refused(400, "form", "not a form that can be taken apart: a name in no such charset") from error
    finally:
        parser.close()
    if not parser.ended:
        raise Refused(400, "form", "the form stops before its last line")
    if not uploads:
        raise Refused(400, "files", "no file in the form; expected one or more, such as: curl -F file=@clock.jpg")
    return uploads
