"""The last look at rewritten files before anything is written: each must still be JavaScript."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence

from pipetrace.errors import PipetraceError
from pipetrace.javascript.parse import JavaScriptSyntaxError, parse
from pipetrace.rewriter.edit_file import FileChange

_PROGRAM = """
const vm = require('vm');
const wrong = [];
for (const { path, text } of JSON.parse(require('fs').readFileSync(0, 'utf8'))) {
  const code = text.replace(/^\\uFEFF/, '').replace(/^#!/, '//');
  try {
    vm.compileFunction(code, ['exports', 'require', 'module', '__filename', '__dirname'], { filename: path });
  } catch (error) {
    wrong.push(String(error.stack).split('\\n')[0] + ' ' + error.message);
  }
}
process.stdout.write(JSON.stringify(wrong));
"""


def check_files(files: Sequence[FileChange]) -> None:
    """Parse each rewritten file again, and have Node compile the CommonJS ones where Node is installed.

    Raises PipetraceError for the first that fails: a bug of pipetrace, but nothing has been written.
    """
    for file in files:
        for text in file.texts:
            try:
                parse(text, file.path, "module" if file.is_module else "script")
            except JavaScriptSyntaxError as error:
                raise _failure(file.path, str(error)) from error
    node = shutil.which("node")
    scripts = [
        {"path": file.path, "text": text} for file in files if not file.is_module for text in file.texts
    ]
    if node is None or not scripts:
        return
    try:
        run = subprocess.run(
            [node, "-e", _PROGRAM], input=json.dumps(scripts), capture_output=True, text=True, timeout=60, check=True
        )
        wrong = json.loads(run.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return  # an installed Node that does not run is not the rewritten file's fault
    if wrong:
        raise _failure(wrong[0].split(":")[0], wrong[0])


def _failure(path: str, why: str) -> PipetraceError:
    return PipetraceError(
        f"The rewritten {path} would not be valid JavaScript ({why}), so nothing was written; "
        "keep its handlers on the entry stage in the plan, and report this as a bug of pipetrace."
    )
