"""Request bodies that end before they should: the sender's fault, told apart from their end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, BinaryIO

from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]  # it ships none
from werkzeug.exceptions import BadRequest, ClientDisconnected, RequestTimeout

from zoo_api.connections import StalledError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class CheckedBodies:
    """A WSGI application whose bodies are whole: a read past an early end raises a 400.

    gunicorn ends a body silently where the connection breaks, so that half an archive would look
    like a whole one.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve a request."""
        if environ.get("wsgi.input_terminated"):
            length = environ.get("CONTENT_LENGTH", "")
            environ["wsgi.input"] = CheckedBody(
                environ["wsgi.input"], int(length) if length.isdigit() else None
            )
        return self._app(environ, start_response)


class CheckedBody:
    """A body as it comes in; `length` in bytes, None where it comes in chunks."""

    def __init__(self, stream: BinaryIO, length: int | None) -> None:
        self._stream = stream
        self._left = length
        self._stalled: StalledError | None = None

    def read(self, size: int = -1) -> bytes:
        """The next bytes; none at the end."""
        if self._stalled is not None:
            raise _late(self._stalled)  # not waited for again
        try:
            found = self._stream.read() if size < 0 else self._stream.read(size)
        except StalledError as error:
            self._stalled = error
            raise _late(error) from error
        except ParseException as error:
            raise BadRequest(f"the body cannot be read: {error}") from error
        except OSError as error:
            raise ClientDisconnected(f"the body broke off: {error}") from error
        if self._left is not None:
            self._left -= len(found)
        if self._left and (size < 0 or (size and not found)):
            raise ClientDisconnected(f"the body ended {self._left} bytes early")
        return found


def _late(error: StalledError) -> RequestTimeout:
    return RequestTimeout(f"the body did not come: {error}")
