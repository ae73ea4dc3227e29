"""The transport that a user names: worker threads, a NATS broker that runs, or one started for the occasion."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from pipetrace.errors import UsageError
from pipetrace.runner import nats


@dataclass(frozen=True, slots=True)
class Transport:
    """What the runtime is told."""

    address: str
    """`threads` or `nats://host:port`."""
    variables: tuple[tuple[str, str], ...] = ()
    """Further environment variables."""

    @property
    def processes(self) -> bool:
        """Whether stages are processes of their own, which have to be started."""
        return self.address != "threads"


@contextlib.contextmanager
def open_transport(name: str) -> Iterator[Transport]:
    """Make a transport ready: `threads`, `nats` (own broker on a free port) or `nats://host:port`.

    Raises UsageError for another name, PipetraceError when the broker cannot be reached or started.
    """
    if name == "threads":
        yield Transport("threads")
    elif name == "nats":
        with nats.start_broker() as broker:
            yield _over(broker.url)
    elif name.startswith("nats:"):
        nats.check_reachable(name)
        yield _over(name)
    else:
        raise UsageError(f"{name!r} is not a transport; write threads, nats, or nats://HOST:PORT.")


def _over(url: str) -> Transport:
    return Transport(url, (("PIPETRACE_NATS_MODULE", str(nats.client_folder())),))
