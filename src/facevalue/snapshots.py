"""Pictures from an http(s) address that gives the newest one each time it is asked, as many network cameras do."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from facevalue.errors import PictureError
from facevalue.images import RGB, open_picture

FETCH_SECONDS = 20.0  # from asking for a picture to its last byte
LARGEST_BYTES = 64_000_000  # of a picture
INVALID = "not a valid address; check it"
UNKNOWN_CHALLENGE = (
    "its way of asking for the password is not known here, or user or password hold other than ASCII; set the camera "
    "to Basic, or to Digest with MD5"
)


class Digest(urllib.request.HTTPDigestAuthHandler):
    """Shows a password once for each request, as cameras lock who shows a wrong one again and again."""

    def http_error_401(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        """Answer a challenge. Raises HTTPError where the password has been refused, but for an outlived nonce."""
        if req.has_header("Authorization") and "stale=true" not in headers.get("WWW-Authenticate", "").lower():
            raise urllib.error.HTTPError(req.full_url, code, msg, headers, fp)
        return super().http_error_401(req, fp, code, msg, headers)


class Snapshots:
    """The pictures of one address, in which user and password may stand. It is the operator's own.

    name: what messages call it.  Raises PictureError for what is no address.
    """

    def __init__(self, address: str, name: str) -> None:
        self.name = name
        try:
            parts = urllib.parse.urlsplit(address)
        except ValueError as error:
            raise PictureError(INVALID, name) from error
        host = parts.netloc.rpartition("@")[2]
        self._address = parts._replace(netloc=host).geturl()
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        if parts.username is not None:
            user, password = urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password or "")
            passwords.add_password(None, self._address, user, password)
        self._digest = Digest(passwords)
        self._opener = urllib.request.build_opener(self._digest, urllib.request.HTTPBasicAuthHandler(passwords))

    def trouble(self) -> str:
        """Why the address gives no picture, "" where it gives one."""
        try:
            self.opened(self.fetch())
        except PictureError as error:
            return error.problem
        return ""

    def fetch(self) -> bytes:
        """The newest picture's bytes. Raises PictureError."""
        until = time.monotonic() + FETCH_SECONDS
        self._digest.reset_retry_count()  # else it shows no password any more after some failures
        try:
            with self._opener.open(self._address, timeout=FETCH_SECONDS / 4) as answer:
                kind = answer.headers.get_content_type() if "Content-Type" in answer.headers else ""
                if kind.startswith(("multipart/", "text/", "video/")):
                    raise PictureError(f"it gives {kind}, where a picture was expected; check the address", self.name)
                data = b""
                while part := answer.read1(1 << 16):
                    data += part
                    if len(data) > LARGEST_BYTES:
                        raise PictureError(f"the picture does not end after {len(data)} bytes", self.name)
                    if time.monotonic() > until:
                        raise PictureError(f"the picture does not end after {FETCH_SECONDS:.0f} s", self.name)
                return data
        except urllib.error.HTTPError as error:
            raise PictureError(f"it answers {error.code} {error.reason}", self.name) from error
        except urllib.error.URLError as error:
            raise PictureError(f"can't be reached ({error.reason})", self.name) from error
        except http.client.InvalidURL as error:  # whose text holds the address
            raise PictureError(INVALID, self.name) from error
        except (OSError, http.client.HTTPException) as error:
            raise PictureError(f"can't be reached ({str(error) or type(error).__name__})", self.name) from error
        except ValueError as error:  # of a host that can't be, or of how urllib meets a challenge
            is_host = isinstance(error, UnicodeError) and not isinstance(error, UnicodeEncodeError)
            problem = INVALID if is_host or not self._address.isascii() else UNKNOWN_CHALLENGE
            raise PictureError(problem, self.name) from error

    def opened(self, data: bytes) -> RGB:
        """The picture, (H, W, 3) uint8. Raises PictureError."""
        try:
            return open_picture(data)
        except PictureError as error:
            raise PictureError(error.problem, self.name) from error
