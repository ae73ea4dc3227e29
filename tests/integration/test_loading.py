"""Files are loaded with guards, on every version of Node, however they are reached and whatever else changes texts."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from pipetrace.runner.node import find_node
from tests.integration.node_versions import VERSIONS
from tests.integration.node_versions import node as node_of

RUNTIME = Path(__file__).parents[2] / "rewriter" / "runtime"
PRELOAD = f"""
const root = __dirname;
require({json.dumps(str(RUNTIME / "loading.js"))}).install(root, JSON.parse(process.env.FILES));
"""
PLAIN = {
    "main.cjs": "console.log('plain');\n",
    "common.js": "exports.who = 'plain';\n",
    "module.mjs": "export const who = 'plain';\nexport { default as common } from './common.js';\n",
    "entry.mjs": "import { who, common } from './module.mjs?x=1';\nconsole.log('plain', who, common.who);\n",
}
GUARDED = {name: text.replace("plain", "guarded") for name, text in PLAIN.items()}


def _write(folder: Path, plain: dict[str, str], guarded: dict[str, str]) -> str:
    """Write files and the texts to load; returns what the runtime is told of them."""
    (folder / ".pipetrace" / "loaded").mkdir(parents=True)
    told = []
    for name, text in guarded.items():
        (folder / ".pipetrace" / "loaded" / name).write_text(text)
        form = "module" if name.endswith(".mjs") else "commonjs"
        told.append({"path": name, "sha256": hashlib.sha256(plain[name].encode()).hexdigest(), "loaded": form})
    for name, text in plain.items():
        (folder / name).write_text(text)
    (folder / "preload.js").write_text(PRELOAD)
    return json.dumps(told)


def _run(folder: Path, told: str, *words: str, node: str | None = None) -> tuple[str, str]:
    command = [node or find_node(), "--require", str(folder / "preload.js"), *words]
    done = subprocess.run(
        command, env={"FILES": told, "PATH": "/usr/bin:/bin"}, cwd=folder, capture_output=True, text=True, timeout=60
    )
    return done.stdout, done.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_modules_of_both_kinds_are_loaded_with_guards(tmp_path: Path, version: str) -> None:
    told = _write(tmp_path, PLAIN, GUARDED)
    node = str(node_of(version))
    assert _run(tmp_path, told, "entry.mjs", node=node)[0] == "guarded guarded guarded\n"
    (tmp_path / "all.cjs").write_text(
        "const { Worker, isMainThread } = require('worker_threads');\n"
        "require('./main.cjs'); console.log(require('./common').who);\n"
        "import('./module.mjs').then((m) => console.log(m.who, m.common === require('./common')));\n"
    )
    assert _run(tmp_path, told, "all.cjs", node=node)[0] == "guarded\nguarded\nguarded true\n"


TRANSFORM = """
const load = require('module')._extensions['.js'];
require('module')._extensions['.js'] = (module, file) => {
  const compile = module._compile;
  module._compile = (text, ...rest) => { module._compile = compile; return module._compile(text + ';console.log("too")', ...rest); };
  return load(module, file);
};
"""
REPLACE = """
require('module')._extensions['.js'] = (module, file) => module._compile(require('fs').readFileSync(file, 'utf8'), file);
"""


def test_other_changes_of_the_text_come_after_the_guards(tmp_path: Path) -> None:
    told = _write(tmp_path, PLAIN, {"common.js": "console.log('guarded');\n"})
    (tmp_path / "transform.js").write_text(TRANSFORM)
    (tmp_path / "replace.js").write_text(REPLACE)
    assert _run(tmp_path, told, "-r", "./transform.js", "-e", "require('./common.js')")[0] == "guarded\ntoo\n"
    assert _run(tmp_path, told, "-r", "./replace.js", "-e", "require('./common.js')")[0] == "guarded\n"


@pytest.mark.parametrize("name", ["common.js", "module.mjs"])
def test_what_was_changed_since_is_not_run_without_guards(tmp_path: Path, name: str) -> None:
    told = _write(tmp_path, PLAIN, GUARDED)
    (tmp_path / name).write_text(PLAIN[name] + "// mine\n")
    out, said = _run(tmp_path, told, "-e", f"import('./{name}').then(console.log, (error) => console.error(error.message))")
    assert out == ""
    assert said == (
        f"pipetrace: {tmp_path / name} cannot be loaded with its guards (it has been changed since it was rewritten); "
        "make the staged application again with pipetrace rewrite.\n"
    )


def test_a_link_to_a_guarded_file_leads_to_its_guards(tmp_path: Path) -> None:
    told = _write(tmp_path, PLAIN, GUARDED)
    (tmp_path / "link.js").symlink_to("common.js")
    assert _run(tmp_path, told, "-p", "require('./link.js').who")[0] == "guarded\n"
