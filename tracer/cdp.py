"""The only module that speaks the Chrome DevTools protocol: pychrome, with its known troubles cured.

Cured here: the address comes from the application (pychrome lists browser pages only); the socket skips the
byte-wise check of UTF-8 and acknowledges at once (Node's inspector has no TCP_NODELAY, so a delayed
acknowledgement costs 44 ms); a close frame ends the session instead of killing the receiving thread; every
call has a time-out; events that were queued before an answer are handled before the session stops; several
listeners can hear one event. One thread at a time may call.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import pychrome
import websocket
from pychrome.exceptions import PyChromeException

_TIMEOUT_S = 5.0
_LARGEST_DRAIN_S = 2.0

logging.getLogger("pychrome").setLevel(logging.CRITICAL)


class SessionEnded(Exception):  # noqa: N818
    """The application closed the connection, ended, or did not answer in time."""


class _Tab(pychrome.Tab):  # type: ignore[misc]
    def start(self) -> bool:
        options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        self._ws = websocket.create_connection(
            self._websocket_url,
            timeout=_TIMEOUT_S,
            enable_multithread=True,
            suppress_origin=True,
            skip_utf8_validation=True,
            sockopt=options,
            http_no_proxy=["127.0.0.1"],
        )
        self._started = True
        self.status = self.status_started
        self._recv_th.start()
        self._handle_event_th.start()
        return True

    def _recv_loop(self) -> None:
        try:
            while not self._stopped.is_set():
                self._ws.settimeout(1)
                if hasattr(socket, "TCP_QUICKACK") and self._ws.sock is not None:
                    self._ws.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                try:
                    text = self._ws.recv()
                except websocket.WebSocketTimeoutException:
                    continue
                if not text:
                    break  # a close frame
                message = json.loads(text)
                if "method" in message:
                    self.event_queue.put(message)
                else:
                    waiting = self.method_results.get(message.get("id"))
                    if waiting is not None:
                        waiting.put(message)
        except (websocket.WebSocketException, OSError, ValueError, AttributeError):
            pass
        finally:
            self._stopped.set()


class Session:
    """One connection to the inspector of one process."""

    def __init__(self, url: str) -> None:
        """Connect; raises SessionEnded when nobody listens at the address."""
        self._tab = _Tab(webSocketDebuggerUrl=url)
        self._listeners: dict[str, list[Callable[[dict[str, Any]], None]]] = {}
        self._calling = threading.RLock()
        try:
            self._tab.start()
        except (websocket.WebSocketException, OSError) as error:
            raise SessionEnded(f"the inspector at {url} does not answer ({error})") from None

    @property
    def alive(self) -> bool:
        """Whether the connection stands."""
        return not self._tab._stopped.is_set()

    def call(self, method: str, timeout_s: float = _TIMEOUT_S, **params: Any) -> dict[str, Any]:
        """Call a method and return its result; raises SessionEnded when there is none."""
        with self._calling, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                result: dict[str, Any] = self._tab.call_method(method, _timeout=timeout_s, **params)
            except (PyChromeException, websocket.WebSocketException, OSError, KeyError) as error:
                raise SessionEnded(f"{method}: {error}") from None
            return result

    def evaluate(self, expression: str, timeout_s: float = _TIMEOUT_S) -> Any:
        """Evaluate JavaScript in the main context and return its value (JSON data)."""
        answer = self.call("Runtime.evaluate", timeout_s, expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise SessionEnded(f"the agent failed ({answer['exceptionDetails'].get('text')})")
        return answer.get("result", {}).get("value")

    def listen(self, event: str, listener: Callable[[dict[str, Any]], None]) -> None:
        """Call a listener with the parameters of each such event, in a thread of the session."""
        listeners = self._listeners.setdefault(event, [])
        listeners.append(listener)
        if len(listeners) == 1:
            self._tab.set_listener(event, lambda **params: [hear(params) for hear in listeners])

    def drain(self) -> None:
        """Wait until the events that have arrived are handled."""
        deadline = time.monotonic() + _LARGEST_DRAIN_S
        while self._tab.event_queue.unfinished_tasks and self.alive and time.monotonic() < deadline:
            time.sleep(0.005)

    def await_end(self, timeout_s: float) -> bool:
        """Wait for the other side to end the connection; True when it has."""
        return bool(self._tab._stopped.wait(timeout_s))

    def close(self) -> None:
        """Handle the events that have arrived, then disconnect, if the other side has not done so."""
        self.drain()
        with contextlib.suppress(PyChromeException, websocket.WebSocketException, OSError):
            if self._tab._stopped.is_set():
                # Its close frame has been answered; a second one could hit a handler that Node has freed.
                if self._tab._ws.sock is not None:
                    self._tab._ws.sock.close()
                return
            self._tab._stopped.set()
            self._tab._ws.close(timeout=1)
