"""One way to ask the service, and one way to say what it refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx

from zoo.client.answers import Json
from zoo.errors import InvalidError, UnavailableError, ZooError

PAGE = 1000
KEY_CODES = ("key_required", "invalid_key")


class ClientError(ZooError):
    """The service refused a request: `status` is HTTP's, `code` and `detail` the service's."""

    def __init__(
        self, detail: str, *, status: int, code: str, retry_after_s: int | None = None
    ) -> None:
        super().__init__(detail, code=code)
        self.status = status
        self.retry_after_s = retry_after_s


def at(*parts: str) -> str:
    """The path of what these parts name: whatever is in one, it stays one."""
    return "/".join(["/v1", *(quote(part, safe=":@") for part in parts)])


class Http:
    """Requests to one service; raises `ClientError`, or `UnavailableError` if nobody answers.

    Making one raises `InvalidError` for an address or a key that is none.
    """

    def __init__(self, url: str, *, timeout_s: float, key: str) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {_checked(key)}"} if key else {}
        # A service on this machine is never behind a proxy; one elsewhere may well be.
        is_local = _host(self.url) in ("127.0.0.1", "localhost", "::1")
        self._client = httpx.Client(
            base_url=self.url, timeout=timeout_s, headers=headers, trust_env=not is_local
        )

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def ask(self, method: str, path: str, **request: Any) -> Json:  # httpx's own arguments
        """The JSON object that a request is answered with, {} for an empty answer."""
        try:
            answer = self._client.request(method, path, **request)
        except httpx.TimeoutException as error:
            raise UnavailableError(
                f"the service at {self.url} took too long to answer {method} {path}",
                code="timeout",
            ) from error
        except httpx.TransportError as error:
            raise UnavailableError(
                f"no service answers at {self.url}; start one with 'zoo up' or name another "
                "with --url",
                code="service_unreachable",
            ) from error
        if answer.is_success:
            return _read_object(answer)
        raise _refusal(answer)

    def rows(self, path: str, *, limit: int, **query: str | None) -> Iterator[Json]:
        """Rows of a list, page after page, at most `limit`."""
        given = {name: value for name, value in query.items() if value is not None}
        cursor: str | None = None
        while limit > 0:
            page: dict[str, str | int] = {**given, "limit": min(limit, PAGE)}
            if cursor:
                page["cursor"] = cursor
            body = self.ask("GET", path, params=page)
            yield from body["data"][:limit]
            limit -= len(body["data"])
            cursor = body.get("next_cursor")
            if not cursor:
                return


def _checked(key: str) -> str:
    """The key without the white space of the file that it came from."""
    found = key.strip()
    if found.isascii() and found.isprintable():
        return found
    raise InvalidError("the API key holds characters that no key has; copy it anew")


def _host(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme in ("http", "https") and parsed.host:
        return parsed.host
    raise InvalidError(f"{url!r} is no address of a service; name one as http://127.0.0.1:8700 is")


def _read_object(answer: httpx.Response) -> Json:
    if not answer.content:
        return {}
    try:
        body = answer.json()
    except ValueError as error:
        raise _stranger(answer) from error
    return body if isinstance(body, Mapping) else {}


def _refusal(answer: httpx.Response) -> ClientError:
    try:
        problem = answer.json()
    except ValueError:
        return _stranger(answer)
    if not isinstance(problem, Mapping) or "code" not in problem:
        return _stranger(answer)
    retry_after = answer.headers.get("Retry-After", "")
    return ClientError(
        _sentence(problem),
        status=answer.status_code,
        code=str(problem["code"]),
        retry_after_s=int(retry_after) if retry_after.isdigit() else None,
    )


def _sentence(problem: Json) -> str:
    detail = str(problem.get("detail") or problem.get("title") or problem["code"])
    if problem["code"] in KEY_CODES:
        detail = f"{detail}; give one with --key or ZOO_KEY"
    errors = [f"{one.get('field')}: {one.get('message')}" for one in problem.get("errors") or ()]
    unsaid = [text for text in errors if text.partition(": ")[2] not in detail]
    return "; ".join([detail, *unsaid])


def _stranger(answer: httpx.Response) -> ClientError:
    return ClientError(
        f"{answer.url} answered {answer.status_code} with no FeatureZoo answer; "
        "is another program listening there?",
        status=answer.status_code,
        code="foreign_service",
    )
