"""Twin: a handler that was made at start stays where it stands, and each stage runs the one that its own start made.

Before: `app.get('/', (req, res) => {…store…})`. After: `app.get('/', $pt.twin('<id>', () => ({ store }), (req, res) =>
{…store…}))`. What the handler captures is not sent: the runtime looks at it once, when the start is over, and sends
calls only to a stage that has made the same. Handlers that it leads to by calling `next` run on the entry stage, since
`next` was made there; they are watched: `app.use($pt.stays('<id>', (error, req, res, next) => {…}))`.
"""

from __future__ import annotations

from pipetrace.rewriter.context import GUARD, FileContext
from pipetrace.rewriter.lift import local_captures
from pipetrace.rewriter.orders import SourceOrder
from pipetrace.rewriter.refusals import Refusal, refuse
from pipetrace.rewriter.site import Site, method_site
from pipetrace.rewriter.view import FileView
from pipetrace.rewriter.wrap import wrap_as, wrap_refusal


def twin_refusal(view: FileView, site: Site, handler: str) -> Refusal | None:
    """Say why a handler cannot be told from its twins where it stands."""
    if site.form == "class-method":
        return refuse("class-method", handler, handler, "it needs variables of a function or block")
    for capture in local_captures(view, site):
        if capture.writes:
            return refuse("capture-written", handler, handler, capture.name)
    return wrap_refusal(view, site, handler)


def stays_site(view: FileView, order: SourceOrder) -> Site | None:
    """The site of a handler that must not run on another stage; None if it cannot be kept from that."""
    function = view.find_function(order.key, order.start, order.end)
    if function is None:
        return None
    node = function.node
    if function.kind == "declaration":
        site = Site(function, "declaration", node.range[0], node.range[1], node)
        return None if wrap_refusal(view, site, order.handler) else site
    if function.kind == "method":
        member = view.parent(node)
        found = method_site(view, function, member, order.handler) if member is not None else None
        return found if isinstance(found, Site) else None
    return Site(function, "expression", node.range[0], node.range[1], node)


def stay(context: FileContext, order: SourceOrder) -> None:
    """Have the runtime refuse to run a handler where it does not live."""
    site = stays_site(context.view, order)
    if site is not None:
        wrap_as(context, site, GUARD, "stays", context.string(order.handler))


def twin(context: FileContext, site: Site, handler: str) -> None:
    """Have the handler known to the runtime where it is made, with what it captures."""
    wrap_as(context, site, handler, "twin", context.string(handler), _captured(context.view, site))


def _captured(view: FileView, site: Site) -> str:
    """Write a function that gives the captured values by name; read late, since some may have no value yet."""
    names = [capture.name for capture in local_captures(view, site)]
    if site.function.kind == "arrow" and site.function.uses_this:
        names.append("this: this")
    if site.function.kind == "arrow" and site.function.uses_arguments:
        names.append("arguments: arguments")
    return f"() => ({{ {', '.join(names)} }})" if names else "() => ({})"
