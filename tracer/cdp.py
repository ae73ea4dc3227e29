"""The control channel: one Chrome DevTools session with a Node.js process, through pychrome.

pychrome is written for browsers; the differences that matter here are cured in this module: the tab is made
from the WebSocket URL, every call has a time limit, and a connection that the other side closes is no error.
"""

from __future__ import annotations

import functools
import json
import logging
import socket
import threading
import warnings
from typing import Any

import pychrome
import websocket

from pipetrace.errors import PipetraceError

CALL_TIMEOUT_S = 20.0
_lock = threading.Lock()


class ControlError(PipetraceError):
    """The inspected process did not answer; it has usually ended."""


class ControlSession:
    """A session with the inspector of one process."""

    def __init__(self, url: str) -> None:
        """Connect; raises ControlError when nothing answers at ``url``."""
        logging.getLogger("pychrome").setLevel(logging.CRITICAL)
        self._tab = pychrome.Tab(id=url.rsplit("/", 1)[-1], type="node", webSocketDebuggerUrl=url)
        try:
            with _lock:
                plain = websocket.create_connection
                # The check of UTF-8 in Python limits everything to 6 MB/s; proxies are no way to loopback.
                websocket.create_connection = functools.partial(
                    plain, skip_utf8_validation=True, http_no_proxy=["127.0.0.1"],
                    sockopt=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
                )
                try:
                    self._tab.start()
                finally:
                    websocket.create_connection = plain
        except (OSError, websocket.WebSocketException, pychrome.PyChromeException) as error:
            raise ControlError(f"The inspector at {url} does not answer ({error}).") from None

    def call(self, method: str, timeout_s: float = CALL_TIMEOUT_S, /, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result; raises ControlError when there is none in time."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result = self._tab.call_method(method, _timeout=timeout_s, **parameters)
        except (OSError, websocket.WebSocketException, pychrome.PyChromeException) as error:
            raise ControlError(f"The inspected process did not answer {method} ({error}).") from None
        if not isinstance(result, dict):
            raise ControlError(f"The inspected process did not answer {method}.")
        return result

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression that JSON can hold; raises ControlError when it throws."""
        answer = self.call("Runtime.evaluate", expression=f"JSON.stringify({expression}) ?? null", returnByValue=True)
        if "exceptionDetails" in answer:
            raise ControlError(f"Evaluating {expression} failed: {answer['exceptionDetails'].get('text', '')}.")
        value = answer.get("result", {}).get("value")
        return None if value is None else json.loads(value)

    def close(self) -> None:
        """End the session; the process goes on."""
        try:
            self._tab.stop()
        except (OSError, websocket.WebSocketException, pychrome.PyChromeException):
            return
