"""What the recorder does with signals: some end the recording, the others are the application's."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PASSED_ON = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT, signal.SIGWINCH, signal.SIGCONT)


@contextlib.contextmanager
def counted_interrupts() -> Iterator[Callable[[], int]]:
    """Count SIGINT, SIGTERM and SIGHUP instead of obeying them; yields the function that returns the count."""
    count = 0

    def counted(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1

    if threading.current_thread() is not threading.main_thread():
        yield lambda: count
        return
    before = {number: signal.signal(number, counted) for number in _ENDING}
    try:
        yield lambda: count
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def passed_on(send: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Hand the signals that mean nothing to a recorder over to the application."""

    def hand_over(number: int, frame: FrameType | None) -> None:
        send(signal.Signals(number))

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, hand_over) for number in _PASSED_ON}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
