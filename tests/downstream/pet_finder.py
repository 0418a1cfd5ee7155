"""Finds the pictures of a folder that look like one: a program around FeatureZoo's HTTP API."""

from collections.abc import Callable

JPEG = "image/jpeg"
Send = Callable[..., dict]


class PetFinder:
    """Keeps pictures in one collection; `send(method, path, **request)` speaks to the service."""

    def __init__(self, send: Send, *, model: str, collection: str = "pets") -> None:
        self._send = send
        self._url = f"/v1/collections/{collection}"
        send("PUT", self._url, json={"model": model})

    def add(self, name: str, content: bytes) -> None:
        self._send("POST", f"{self._url}/items?name={name}", data=content, content_type=JPEG)

    def like(self, content: bytes, *, k: int = 3) -> list[str]:
        found = self._send("POST", f"{self._url}/search?k={k}", data=content, content_type=JPEG)
        return [hit["name"] for hit in found["hits"]]
