"""The probe that tells which servers listen."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from pipetrace.tracer.listen import probe_environment, read_listeners

PROGRAM = """
const dgram = require('dgram')
const client = dgram.createSocket('udp4')
const server = dgram.createSocket('udp4')
server.on('message', () => { client.close(); server.close() })
server.bind(0, '127.0.0.1', () => client.send('x', server.address().port, '127.0.0.1'))
"""


def test_sockets_that_only_send_are_no_servers(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text(PROGRAM)
    file = tmp_path / "listening"
    done = subprocess.run(["node", "a.js"], cwd=tmp_path, env=probe_environment(os.environ, file), timeout=60, check=False)
    assert done.returncode == 0
    assert [(listener.kind, listener.index) for listener in read_listeners(file)] == [("dgram", 0)]
