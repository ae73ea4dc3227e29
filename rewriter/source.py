"""Source: a function that a timer or listener calls runs only on the stage where its handler lives.

Before: `setInterval(() => {…}, 1000)`. After: `setInterval($pt.source('<id>', () => {…}), 1000)`.
"""

from __future__ import annotations

from pipetrace.rewriter.context import FileContext
from pipetrace.rewriter.orders import SourceOrder


def source(context: FileContext, order: SourceOrder) -> None:
    """Wrap the function of a source if it stands directly in the call that registers it.

    A function with a name of its own may also be called directly, where it must run; the runtime keeps
    timers and listeners of other stages silent without the wrap, too.
    """
    view = context.view
    function = view.find_function(order.key, order.start, order.end)
    if function is None:
        context.notes.append(f"The source {order.handler} is not where the plan says; it was left as it is.")
        return
    node = function.node
    parent = view.parent(node)
    if parent is None or parent.type != "CallExpression" or parent.callee is node:
        return
    opening = f"{context.pt}.source({context.string(order.handler)}, "
    context.surgery.wrap(order.handler, node.range[0], node.range[1], opening, ")")
