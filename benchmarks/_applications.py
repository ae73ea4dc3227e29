"""Real applications from npm, unmodified: how each is started, and a load that reaches its main routes."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import _common as common

from pipetrace.runner import npm
from pipetrace.runner.node import find_node


@dataclass(frozen=True, slots=True)
class Started:
    """How an application is started, and what is asked of it."""

    argv: tuple[str, ...]
    cwd: Path
    requests: tuple[bytes, ...] = ()
    """Sent in turn over HTTP."""
    load: tuple[str, ...] = ()
    """Command of a load of another protocol, instead of requests."""


@dataclass(frozen=True, slots=True)
class Application:
    """An application in one version."""

    name: str
    version: str
    prepare: Callable[[Path, Path], Started]
    """From its package's directory and a fresh working directory."""
    note: str = ""
    """What a reader of its rows has to know."""


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def _json(method: str, url: str, value: object) -> bytes:
    body = json.dumps(value).encode()
    return common.request(method, url, {"Content-Type": "application/json"}, body)


def _example(_package: Path, _cwd: Path) -> Started:
    app = common.load_app("example")
    return Started(tuple(app.command), app.cwd, app.loads[-1].requests)


def _markserv(_package: Path, _cwd: Path) -> Started:
    app = common.load_app("markserv")
    return Started(tuple(app.command), app.cwd, app.loads[-1].requests)


def _json_server(package: Path, cwd: Path) -> Started:
    posts = [{"id": number, "title": f"post {number}", "author": f"a{number % 7}"} for number in range(200)]
    notes = [{"id": number, "postId": number % 200, "body": "text " * 10} for number in range(400)]
    (cwd / "db.json").write_text(json.dumps({"posts": posts, "notes": notes}), encoding="utf-8")
    argv = (find_node(), str(package / "lib" / "cli" / "bin.js"), "--port", _free_port(), "--quiet", "db.json")
    requests = (
        common.get("/posts"),
        common.get("/posts/7"),
        common.get("/posts?author=a3&_sort=title&_order=desc"),
        common.get("/notes?_page=3&_limit=20"),
        common.get("/posts/5/notes"),
        common.get("/posts?q=post"),
        _json("POST", "/notes", {"postId": 3, "body": "new"}),
        _json("PATCH", "/posts/9", {"title": "changed"}),
        common.get("/nothing"),
    )
    return Started(argv, cwd, requests)


def _http_server(package: Path, cwd: Path) -> Started:
    docs = cwd / "public"
    docs.mkdir()
    for page in sorted((common.SHOP / "content").glob("*.md")):
        shutil.copyfile(page, docs / page.name)
    argv = (find_node(), str(package / "bin" / "http-server"), "public", "-p", _free_port(), "-s", "-c-1")
    requests = (common.get("/"), common.get("/guide.md"), common.get("/manual.md"), common.get("/none.md"))
    return Started(argv, cwd, requests)


def _statsd(package: Path, cwd: Path) -> Started:
    port, management = _free_port(), _free_port()
    config = (
        f"{{ port: {port}, mgmt_port: {management}, address: '127.0.0.1', mgmt_address: '127.0.0.1',\n"
        "  flushInterval: 1000, backends: ['./backends/console'], dumpMessages: false }\n"
    )
    (cwd / "config.js").write_text(config, encoding="utf-8")
    load = (find_node(), str(common.HERE / "loads" / "statsd.js"), port, management)
    return Started((find_node(), str(package / "stats.js"), "config.js"), cwd, load=load)


def _maildev(package: Path, cwd: Path) -> Started:
    smtp, web = _free_port(), _free_port()
    argv = (find_node(), str(package / "bin" / "maildev"), "--smtp", smtp, "--web", web, "--silent",
            "--mail-directory", str(cwd / "mail"))  # fmt: skip
    load = (find_node(), str(common.HERE / "loads" / "maildev.js"), smtp, web)
    return Started(argv, cwd, load=load)


def _pouchdb_server(package: Path, cwd: Path) -> Started:
    argv = (
        find_node(),
        str(package / "bin" / "pouchdb-server"),
        "--in-memory",
        "--port",
        _free_port(),
        "--no-stdout-logs",
    )
    design = {"views": {"by_kind": {"map": "function (doc) { emit(doc.kind, doc.n); }", "reduce": "_sum"}}}
    documents = [{"_id": f"d{number}", "kind": f"k{number % 5}", "n": number} for number in range(50)]
    requests = (
        common.get("/"),
        common.request("PUT", "/books", {}, b""),
        _json("POST", "/books/_bulk_docs", {"docs": documents}),
        _json("PUT", "/books/_design/all", design),
        common.get("/books/_all_docs?include_docs=true"),
        common.get("/books/_design/all/_view/by_kind?group=true"),
        common.get("/books/d7"),
        common.get("/books/_changes"),
        common.get("/none"),
    )
    return Started(argv, cwd, requests)


def _verdaccio(package: Path, cwd: Path) -> Started:
    (cwd / "config.yaml").write_text(
        "storage: ./storage\nauth:\n  htpasswd:\n    file: ./htpasswd\nuplinks: {}\n"
        "packages:\n  '**':\n    access: $all\n    publish: $all\n"
        "logs:\n  - {type: stdout, format: pretty, level: fatal}\n",
        encoding="utf-8",
    )
    argv = (
        find_node(),
        str(package / "bin" / "verdaccio"),
        "--config",
        "config.yaml",
        "--listen",
        f"127.0.0.1:{_free_port()}",
    )
    tarball = "H4sIAAAAAAAAAwMAAAAAAAAAAAA="
    manifest = {
        "_id": "thing", "name": "thing", "dist-tags": {"latest": "1.0.0"},
        "versions": {"1.0.0": {"name": "thing", "version": "1.0.0", "readme": "words " * 200,
                               "dist": {"tarball": "http://127.0.0.1/thing/-/thing-1.0.0.tgz", "shasum": "0"}}},
        "_attachments": {"thing-1.0.0.tgz": {"content_type": "x/y", "data": tarball, "length": 20}},
    }  # fmt: skip
    requests = (
        common.get("/-/ping"),
        _json("PUT", "/thing", manifest),
        common.get("/thing"),
        common.get("/-/verdaccio/packages"),
        common.get("/-/verdaccio/package/readme/thing"),
        common.get("/-/v1/search?text=thing"),
        common.get("/none"),
    )
    return Started(argv, cwd, requests)


def _node_red(package: Path, cwd: Path) -> Started:
    (cwd / "user").mkdir()
    argv = (find_node(), str(package / "red.js"), "--userDir", str(cwd / "user"), "--port", _free_port())
    flow = [{"id": "a1", "type": "tab", "label": "one"},
            {"id": "b1", "z": "a1", "type": "function", "name": "f", "func": "return msg;", "wires": [[]]}]  # fmt: skip
    requests = (
        common.get("/settings"),
        common.get("/nodes", Accept="application/json"),
        common.get("/flows"),
        _json("POST", "/flows", flow),
        common.get("/locales/editor?lng=en-US"),
        common.get("/"),
        common.get("/none"),
    )
    return Started(argv, cwd, requests)


def _mathoid(package: Path, cwd: Path) -> Started:
    source = (package / "config.dev.yaml").read_text(encoding="utf-8")
    # The module's path is relative to where the service runner guesses the application to be.
    replaced = {
        "num_workers: 1": "num_workers: 0",
        "port: 10044": f"port: {_free_port()}",
        "level: trace": "level: fatal",
        "module: ./app.js": f"module: {package / 'app.js'}",
    }
    config = source
    for old, new in replaced.items():
        config = config.replace(old, new)
    (cwd / "config.yaml").write_text(config, encoding="utf-8")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    formulas = ("E%3Dmc%5E2", "%5Cfrac%7Ba%7D%7Bb%7D", "%5Csum_%7Bi%3D0%7D%5En%20i%5E2")
    requests = tuple(
        common.request("POST", route, form, f"q={formula}".encode())
        for formula in formulas
        for route in ("/", "/mml", "/texvcinfo")
    )
    return Started((find_node(), str(package / "server.js"), "-c", str(cwd / "config.yaml")), package, requests)


def _local_web_server(package: Path, cwd: Path) -> Started:
    docs = cwd / "public"
    docs.mkdir()
    for page in sorted((common.SHOP / "content").glob("*.md")):
        shutil.copyfile(page, docs / page.name)
    argv = (find_node(), str(package / "bin" / "cli.js"), "--port", _free_port(), "--directory", "public",
            "--rewrite", "/about -> /guide.md", "--compress", "--compress.threshold", "100")  # fmt: skip
    packed = {"Accept_Encoding": "gzip"}
    requests = (
        common.get("/"),
        common.get("/guide.md"),
        common.get("/about", **packed),
        common.get("/manual.md", **packed),
        common.get("/none"),
    )
    return Started(argv, cwd, requests)


def _mockserver(package: Path, cwd: Path) -> Started:
    answers = {
        "shop/GET": '{"items": [1, 2, 3]}',
        "shop/GET--page=2": '{"items": [4]}',
        "shop/POST": '{"created": true}',
        "shop/cart/GET": '#import "./items.json";',
    }
    for place, body in answers.items():
        file = cwd / "mocks" / f"{place}.mock"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"HTTP/1.1 200 OK\nContent-Type: application/json\n\n{body}\n", encoding="utf-8")
    items = json.dumps([{"id": number, "name": f"item {number}"} for number in range(500)])
    (cwd / "mocks" / "shop" / "cart" / "items.json").write_text(items, encoding="utf-8")
    argv = (find_node(), str(package / "bin" / "mockserver.js"), "-p", _free_port(), "-m", "mocks", "-q")
    requests = (
        common.get("/shop"),
        common.get("/shop?page=2"),
        _json("POST", "/shop", {"name": "new"}),
        common.get("/shop/cart"),
        common.get("/none"),
    )
    return Started(argv, cwd, requests)


def _y_websocket(package: Path, cwd: Path) -> Started:
    port = _free_port()
    load = (find_node(), str(common.HERE / "loads" / "y-websocket.js"), port, str(package))
    server = str(package / "bin" / "server.js")
    return Started(("env", "HOST=127.0.0.1", f"PORT={port}", find_node(), server), cwd, load=load)


def _stubby(package: Path, cwd: Path) -> Started:
    items = [{"id": number, "name": f"item {number}"} for number in range(200)]
    endpoints = [
        {"request": {"url": "^/items$", "method": "GET"}, "response": {"status": 200, "body": items}},
        {
            "request": {"url": "^/items/([0-9]+)$"},
            "response": {"body": "item <% url[1] %>", "headers": {"x-kind": "one"}},
        },
        {
            "request": {"url": "^/search$", "query": {"q": "^a+$"}},
            "response": {"status": 200, "body": "found <% query.q[0] %>"},
        },
        {
            "request": {"url": "^/order$", "method": "POST", "json": '{"id": 7}'},
            "response": {"status": 201, "body": "made"},
        },
        {"request": {"url": "^/page$"}, "response": {"status": 200, "file": "page.md"}},
    ]
    (cwd / "data.json").write_text(json.dumps(endpoints), encoding="utf-8")
    shutil.copyfile(common.SHOP / "content" / "guide.md", cwd / "page.md")
    argv = (find_node(), str(package / "bin" / "stubby"), "-d", "data.json", "-q", "-s", _free_port(),
            "-a", _free_port(), "-t", _free_port(), "-l", "127.0.0.1")  # fmt: skip
    requests = (
        common.get("/items"),
        common.get("/items/12"),
        common.get("/search?q=aaa"),
        _json("POST", "/order", {"id": 7}),
        common.get("/page"),
        common.get("/none"),
    )
    return Started(argv, cwd, requests)


def _json_graphql_server(package: Path, cwd: Path) -> Started:
    posts = [
        {"id": number, "title": f"post {number}", "user_id": number % 9, "views": number * 7} for number in range(200)
    ]
    data = {"posts": posts, "users": [{"id": number, "name": f"user {number}"} for number in range(9)]}
    (cwd / "data.json").write_text(json.dumps(data), encoding="utf-8")
    argv = (find_node(), str(package / "bin" / "json-graphql-server.cjs"), "data.json", "--port", _free_port(),
            "--host", "127.0.0.1")  # fmt: skip
    queries = (
        "{ allPosts { id title } }",
        '{ allPosts(page: 1, perPage: 10, sortField: "views", sortOrder: "desc") { title User { name } } }',
        '{ allPosts(filter: { q: "post 1" }) { id } _allPostsMeta { count } }',
        "{ User(id: 3) { name Posts { title views } } }",
        'mutation { updatePost(id: 5, title: "changed") { id title } }',
        "{ nothing }",
    )
    requests = tuple(_json("POST", "/", {"query": query}) for query in queries)
    return Started(argv, cwd, requests)


APPLICATIONS = (
    Application("example", "", _example),
    Application("markserv", common.MARKSERV[1], _markserv),
    Application("mathoid", "0.7.6", _mathoid),
    Application("json-server", "0.17.4", _json_server),
    Application("statsd", "0.9.0", _statsd),
    Application(
        "maildev",
        "2.1.0",
        _maildev,
        "It lists the mails that it kept in the order in which it has read them, which is another one at each start, "
        "and asks for the size of a mail's file while it still writes it, so that GET /email differs from run to run, "
        "also where the original runs; a difference in these answers alone is that race.",
    ),
    Application("pouchdb-server", "4.2.0", _pouchdb_server),
    Application("verdaccio", "4.13.2", _verdaccio),
    Application("http-server", "14.1.1", _http_server),
    Application("node-red", "4.0.9", _node_red),
    Application("local-web-server", "5.4.0", _local_web_server),
    Application("mockserver", "3.1.1", _mockserver),
    Application("y-websocket", "1.5.4", _y_websocket),
    Application("stubby", "5.1.1", _stubby),
    Application("json-graphql-server", "3.3.2", _json_graphql_server),
)


def start(application: Application, cwd: Path) -> Started:
    """Install an application if need be, and prepare a working directory. Raises PipetraceError."""
    own = application.name in ("example", "markserv")
    package = common.HERE if own else npm.install(application.name, application.version)
    return application.prepare(package, cwd)
