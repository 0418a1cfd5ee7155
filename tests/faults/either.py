"""A caller's way to two APIs: what one of them does not take is given to the other."""

import itertools
import threading
from collections.abc import Sequence

import httpx


class Either(httpx.BaseTransport):
    """Asks several ports in turn; `missed` counts the requests that went on to the next of them.

    A request that none of them takes raises what the last one did.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = itertools.cycle(ports)
        self._n_ports = len(ports)
        self._transport = httpx.HTTPTransport(trust_env=False)
        self._lock = threading.Lock()
        self.missed: list[httpx.TransportError] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The first answer that there is."""
        request.read()  # so that it can be sent again
        for left in reversed(range(self._n_ports)):
            with self._lock:
                port = next(self._ports)
            asked = httpx.Request(
                request.method,
                request.url.copy_with(port=port),
                headers=request.headers,
                content=request.content,
                extensions=request.extensions,
            )
            try:
                return self._transport.handle_request(asked)
            except httpx.TransportError as error:
                self.missed.append(error)
                if not left:
                    raise
        raise AssertionError("there is no port")

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()
