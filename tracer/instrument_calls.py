"""Probes for calls into code that has no probes, and for the birth of objects, beside those of accesses.

The callee of `o.m(…)` is looked up on what `$pxk(o,"m",…)` returns: the object, or a stand-in for a method whose
effect on receiver and arguments is recorded.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipetrace.javascript.nodes import FUNCTION_TYPES, Node
from pipetrace.javascript.trivia import find_token
from pipetrace.tracer.instrument_memory import READ, WATCHED_CONSTRUCTORS, AccessProbes, words

if TYPE_CHECKING:
    from pipetrace.tracer.instrument_walk import Walk

_READS_ARGUMENTS = {
    "Array": words("from fromAsync"),
    "Buffer": words("from concat compare"),
    "Promise": words("all allSettled any race withResolvers"),
    "Atomics": None,
    "console": None,
}
"""Functions of such globals whose effect on their arguments is watched all the same; None: all of them."""
_PURE_CALLS = words(
    "require eval Number Boolean Symbol BigInt parseInt parseFloat isNaN isFinite "
    "encodeURIComponent decodeURIComponent encodeURI decodeURI escape unescape Error TypeError "
    "RangeError SyntaxError Date clearTimeout clearInterval clearImmediate RegExp"
)
_FOLLOWED_CONSTRUCTORS = words("Promise Proxy")
"""Constructors of the language whose result is another name for what they are handed, or for what they hand out."""


class MemoryProbes(AccessProbes):
    """Inserts all probes for memory of one file."""

    def _visit_CallExpression(self, node: Node) -> None:  # noqa: N802
        walk = self.walk
        kernel = walk.plan.kernels.get((node.range[0], node.range[1]))
        if kernel is None:
            self._callee(node)
        else:
            # The probe gives a stand-in for the callee or its receiver, as those of calls into libraries do.
            holder = node.callee.object if node.callee.type == "MemberExpression" else node.callee
            name = f",{_name_of(node.callee)}" if holder is not node.callee else ""
            walk.before(holder, f"{'$pxS' if name else '$pxT'}($pxi,{walk.function_base + kernel},")
            self._callee(node)
            walk.after(holder, f"{name})")
        for argument in node.arguments:
            walk.visit(argument)

    def _callee(self, node: Node) -> None:
        walk, callee = self.walk, node.callee
        kind = callee.type
        held = walk.chains.name_of(node)
        if held is not None:
            walk.visit(callee)
            walk.chains.put(node, f"($pxs?$pxf({held},{walk.site(node, callee)}):{held})")
        elif kind == "MemberExpression":
            self._method(node, callee)
        elif kind == "Identifier":
            binding = walk.scopes.binding_at(callee.range[0])
            if binding is None:
                if callee.name in _PURE_CALLS or callee.name == "import":
                    return
            elif binding.id in walk.plan.function_of_binding or (
                binding.kind in ("function", "class") and not binding.reassigned
            ):
                return
            self._either(callee, f"$pxf({callee.name},{walk.site(node, callee)})", callee.name)
        elif kind in ("Super", "Import"):
            return
        elif kind == "ChainExpression":
            # Rewriting it would lose the object that is called.
            walk.children(callee)
        elif kind in FUNCTION_TYPES or self._optional_before(callee):
            walk.visit(callee)
        else:
            walk.wrap(callee, "$pxH(", f",{walk.site(node, callee)})")

    def _method(self, node: Node, callee: Node) -> None:
        walk, target = self.walk, callee.object
        private = callee.property.type == "PrivateIdentifier"
        held = walk.chains.name_of(callee)
        if held is not None and not private and (not callee.computed or callee.property.type == "Literal"):
            walk.visit(target)
            walk.chains.put(callee, f"($pxs?$pxk({held},{_name_of(callee)},{walk.site(node, callee)}):{held})")
            return
        if held is not None or target.type in ("Super", "MetaProperty") or self._optional_before(target) or private:
            self._member(callee, READ)
            return
        if target.type == "Identifier" and self._free(target) and self._stateless(target.name):
            if callee.computed:
                walk.visit(callee.property)
                return
            watched = _READS_ARGUMENTS.get(target.name, frozenset())
            if watched is not None and callee.property.name not in watched:
                return
        if callee.computed and callee.property.type != "Literal":
            if walk.bare or callee.optional or walk.chains.is_behind(callee):
                self._member(callee, READ)
            else:
                self._computed_method(node, callee)
            return
        key, site = _name_of(callee), walk.site(node, callee)
        if self._simple(target):
            name = self._text(target)
            self._either(target, f"$pxk({name},{key},{site})", name)
        else:
            self._wrapped(target, "$pxK(", f",{key},{site})")

    def _computed_method(self, node: Node, callee: Node) -> None:
        """`o[k](…)` becomes `($px1=o,$px2=k,$pxs?$pxk($px1,$px2,…):$px1)[$px2](…)`: each part is evaluated once."""
        walk = self.walk
        site = walk.site(node, callee)
        first, second = walk.temporary(2 * walk.depth + 1), walk.temporary(2 * walk.depth + 2)
        walk.depth += 1
        opening = find_token(walk.text, _end_of(walk, callee.object, callee), "[")
        closing = find_token(walk.text, _end_of(walk, callee.property, callee), "]")
        walk.edits.insert(callee.range[0], f"({first}=")
        walk.visit(callee.object)
        walk.edits.replace(opening, opening + 1, f",{second}=(")
        walk.visit(callee.property)
        walk.edits.replace(closing, closing + 1, f"),$pxs?$pxk({first},{second},{site}):{first})[{second}]")
        walk.depth -= 1

    def _visit_NewExpression(self, node: Node) -> None:  # noqa: N802
        walk, callee = self.walk, node.callee
        if callee.type == "Identifier" and self._known_class(callee):
            # Constructed directly, so that the engine can still inline it.
            held = walk.temporary(0) if not walk.bare else ""
            if held:
                walk.before(node, f"({held}=")
            followed = self._free(callee)
            for argument in node.arguments:
                if followed and argument.type not in ("SpreadElement", "Literal"):
                    walk.wrap(argument, "$pxI(", f",{walk.line(argument)})")
                else:
                    walk.visit(argument)
            if held:
                walk.after(node, f",$pxs&&$pxn({held},{walk.own_line(node)},{walk.file_id}),{held})")
            return
        if callee.type == "Identifier":
            if not self._free(callee) or callee.name in _FOLLOWED_CONSTRUCTORS:
                self._either(callee, f"$pxc({callee.name},{walk.site(node, callee)})", callee.name)
        elif callee.type in FUNCTION_TYPES or callee.type in ("ClassExpression", "MetaProperty") or walk.bare:
            walk.visit(callee)
        else:
            held = walk.temporary(0)
            walk.wrap(callee, f"({held}=", f",$pxs?$pxc({held},{walk.site(node, callee)}):{held})")
        for argument in node.arguments:
            walk.visit(argument)

    def _known_class(self, callee: Node) -> bool:
        """Whether a constructor is a class of this file or a collection of the language."""
        binding = self.walk.scopes.binding_at(callee.range[0])
        if binding is None:
            return callee.name in WATCHED_CONSTRUCTORS
        return binding.kind in ("class", "function") and not binding.reassigned

    # -- births -------------------------------------------------------------------------------------

    def _visit_ObjectExpression(self, node: Node) -> None:  # noqa: N802
        self._birth(node)

    def _visit_ArrayExpression(self, node: Node) -> None:  # noqa: N802
        self._birth(node)

    def _birth(self, node: Node) -> None:
        walk = self.walk
        if walk.bare:
            walk.children(node)
            return
        held = walk.temporary(0)
        walk.before(node, f"({held}=")
        walk.children(node)
        walk.after(node, f",$pxs&&$pxn({held},{walk.own_line(node)},{walk.file_id}),{held})")

    def _visit_TaggedTemplateExpression(self, node: Node) -> None:  # noqa: N802
        walk, tag = self.walk, node.tag
        if tag.type == "Identifier" and not self._is_function(tag):
            self._either(tag, f"$pxf({tag.name},{walk.site(node, tag)})", tag.name)
        elif tag.type == "MemberExpression" and not tag.computed:
            self._method(node, tag)
        else:
            walk.visit(tag)
        walk.visit(node.quasi)


def _end_of(walk: Walk, node: Node, within: Node) -> int:
    """Return the end of a node with the parentheses around it."""
    end: int = node.range[1]
    at = find_token(walk.text, end, ")")
    opening = walk.text[within.range[0] : node.range[0]] if node is within.object else ""
    for _ in range(opening.count("(")):
        end = at + 1
        at = find_token(walk.text, end, ")")
    return end


def _name_of(callee: Node) -> str:
    """Return the key of a called method that is a name or a literal."""
    if not callee.computed:
        return json.dumps(callee.property.name)
    value = callee.property.value
    return json.dumps(value) if isinstance(value, str) else str(callee.property.raw)
