"""Probes for memory accesses: variables, properties, contents, and calls into code that has no probes.

A probe stands beside the access, behind the test of a global flag, so that unsampled code pays one test:
`o.p` becomes `($pxs?$pxg(o,"p",12):o).p`, and `x = 1` becomes `($pxs&&$pxm(…),x = 1)`. Where the object is
no plain name, the probe is a call that returns it: `$pxG(f(),"p",12).p`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipetrace.javascript.nodes import FUNCTION_TYPES, Node
from pipetrace.javascript.scopes import Binding
from pipetrace.javascript.trivia import find_token
from pipetrace.tracer.instrument_plan import identifiers

if TYPE_CHECKING:
    from pipetrace.tracer.instrument_walk import Walk

READ, WRITE, BOTH = 1, 2, 3


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_STATELESS = _words(
    "Math Number String Symbol Date Promise Buffer Array BigInt Boolean Intl Error TypeError "
    "RangeError RegExp console globalThis global window Atomics module __dirname __filename"
)
"""Globals whose properties are not watched: they are functions or constants."""

_PURE_CALLS = _words(
    "require eval String Number Boolean Symbol BigInt parseInt parseFloat isNaN isFinite "
    "encodeURIComponent decodeURIComponent encodeURI decodeURI escape unescape Error TypeError "
    "RangeError SyntaxError Date clearTimeout clearInterval clearImmediate RegExp"
)
_WATCHED_CONSTRUCTORS = _words(
    "Map Set WeakMap WeakSet Array Object Int8Array Uint8Array Uint8ClampedArray Int16Array "
    "Uint16Array Int32Array Uint32Array Float32Array Float64Array BigInt64Array BigUint64Array "
    "ArrayBuffer DataView SharedArrayBuffer"
)


class MemoryProbes:
    """Inserts the probes of one file; `visit` is asked for each node that is no function."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.references = {
            use.start: (binding, use) for binding in walk.scopes.bindings for use in binding.references if not use.init
        }

    def visit(self, node: Node) -> bool:
        """Visit a node with its children; False leaves that to the walk."""
        method = getattr(self, f"_visit_{node.type}", None)
        if method is None:
            return False
        method(node)
        return True

    # -- variables ----------------------------------------------------------------------------------

    def _recorded(self, node: Node) -> Binding | None:
        found = self.references.get(node.range[0])
        if found is None or found[0].id not in self.walk.plan.variable:
            return None
        binding = found[0]
        return binding if self._token(binding) is not None else None

    def _token(self, binding: Binding) -> str | None:
        """Return the name of the variable that identifies the scope instance; None where it is not visible."""
        walk, plan = self.walk, self.walk.plan
        home = binding.scope_function
        if home == 0:
            return ""
        if binding.scope_range in plan.loop_tokens and binding.kind not in ("var", "param", "catch"):
            visible = binding.scope_range in walk.open_loops
            return f"$pxl{plan.loop_tokens[binding.scope_range]}" if visible else None
        return f"$pxf{home}" if home in plan.function_tokens else None

    def hook(self, binding: Binding, mode: int, line: int, *, value: bool) -> str:
        """Return the call that records an access to a variable; `value` passes what it holds."""
        walk = self.walk
        index = walk.plan.variable[binding.id]
        token = self._token(binding)
        held = f",{binding.name}" if value else ""
        if not token:
            return f"$pxm({walk.file_id},{index},{mode},{line}{held})"
        home = walk.function_base + binding.scope_function
        return f"$pxv({token}||({token}=$pxL({home})),{walk.file_id},{index},{mode},{line}{held})"

    def _visit_Identifier(self, node: Node) -> None:  # noqa: N802
        binding = self._recorded(node)
        if binding is None:
            return
        use = self.references[node.range[0]][1]
        if use.mode != "r":
            return
        key = f"{binding.name}:" if use.shorthand else ""
        hook = self.hook(binding, READ, self.walk.line(node), value=True)
        self.walk.before(node, f"{key}($pxs&&{hook},")
        self.walk.after(node, ")")

    def _visit_VariableDeclaration(self, node: Node) -> None:  # noqa: N802
        walk = self.walk
        if walk.in_list(node):
            hooks = [
                self.hook(binding, WRITE, walk.line(one), value=False)
                for one in node.declarations
                if one.init is not None
                for name in identifiers(one.id)
                if (binding := walk.scopes.binding_at(name.range[0])) is not None
                and binding.id in walk.plan.variable
                and self._token(binding) is not None
            ]
            if hooks:
                walk.before(node, f";$pxs&&({','.join(hooks)});")
        for one in node.declarations:
            self._pattern(one.id)
            if one.init is not None:
                self._source_of(one.id, one.init)

    def _source_of(self, pattern: Node, value: Node) -> None:
        """Visit a value that is taken apart by a pattern."""
        walk = self.walk
        if pattern.type == "ArrayPattern":
            walk.wrap(value, "$pxI(", f",{walk.line(value)})")
        elif pattern.type == "ObjectPattern":
            keys = [_constant_key(member) for member in pattern.properties if member.type == "Property"]
            names = json.dumps([key for key in keys if key is not None], separators=(",", ":"))
            walk.wrap(value, "$pxD(", f",{names},{walk.line(value)})")
        else:
            walk.visit(value)

    def _pattern(self, node: Node) -> None:
        """Visit the parts of a pattern that are evaluated: defaults, computed keys, members assigned to."""
        walk = self.walk
        kind = node.type
        if kind == "ObjectPattern":
            for member in node.properties:
                if member.type == "Property" and member.computed:
                    walk.visit(member.key)
                self._pattern(member.argument if member.type == "RestElement" else member.value)
        elif kind == "ArrayPattern":
            for element in node.elements:
                if element is not None:
                    self._pattern(element)
        elif kind == "AssignmentPattern":
            self._pattern(node.left)
            walk.visit(node.right)
        elif kind == "RestElement":
            self._pattern(node.argument)
        elif kind == "MemberExpression":
            self._member(node, WRITE)

    def _visit_ObjectPattern(self, node: Node) -> None:  # noqa: N802
        self._pattern(node)

    def _visit_ArrayPattern(self, node: Node) -> None:  # noqa: N802
        self._pattern(node)

    def _visit_AssignmentExpression(self, node: Node) -> None:  # noqa: N802
        walk = self.walk
        left, line = node.left, walk.line(node)
        if left.type == "MemberExpression":
            mode = WRITE if node.operator == "=" and not self._rereads(left, node.right) else BOTH
            self._member(left, mode)
            walk.visit(node.right)
            return
        bindings = [(name, binding) for name in identifiers(left) if (binding := self._recorded(name)) is not None]
        if bindings:
            hooks = [
                self.hook(binding, mode, line, value=mode == BOTH)
                for _, binding in bindings
                for mode in [WRITE if node.operator == "=" and not self._reads(binding, node.right) else BOTH]
            ]
            walk.before(node, f"($pxs&&({','.join(hooks)}),")
        if left.type != "Identifier":
            self._pattern(left)
        self._source_of(left, node.right)
        if bindings:
            walk.after(node, ")")

    def _reads(self, binding: Binding, node: Node) -> bool:
        start, end = node.range
        return any(start <= use.start < end and use.mode != "w" for use in binding.references)

    def _rereads(self, left: Node, right: Node) -> bool:
        """Whether the value assigned to a property is made from that very property."""
        text = self.walk.text
        return text[left.range[0] : left.range[1]] in text[right.range[0] : right.range[1]]

    def _visit_UpdateExpression(self, node: Node) -> None:  # noqa: N802
        argument = node.argument
        if argument.type == "MemberExpression":
            self._member(argument, BOTH)
            return
        binding = self._recorded(argument) if argument.type == "Identifier" else None
        if binding is None:
            return
        self.walk.before(node, f"($pxs&&{self.hook(binding, BOTH, self.walk.line(node), value=True)},")
        self.walk.after(node, ")")

    # -- properties ---------------------------------------------------------------------------------

    def _visit_MemberExpression(self, node: Node) -> None:  # noqa: N802
        self._member(node, READ)

    def _visit_UnaryExpression(self, node: Node) -> None:  # noqa: N802
        argument = node.argument
        if node.operator == "delete":
            if argument.type == "MemberExpression":
                self._member(argument, WRITE)
            elif argument.type == "ChainExpression":
                self.walk.children(argument.expression)
            return
        self.walk.visit(argument)

    def _visit_BinaryExpression(self, node: Node) -> None:  # noqa: N802
        walk = self.walk
        if node.left.type != "PrivateIdentifier":
            walk.visit(node.left)
        if node.operator == "in":
            walk.wrap(node.right, "$pxI(", f",{walk.line(node.right)})")
        else:
            walk.visit(node.right)

    def _member(self, node: Node, mode: int) -> None:
        walk = self.walk
        target = node.object
        key = _literal_key(node)
        line = walk.line(node.property)
        extra = "" if mode == READ else f",{mode}"
        if target.type == "Super" or target.type == "MetaProperty" or _optional_before(target):
            walk.visit(target)
        elif target.type == "Identifier" and self._free(target) and self._stateless(target.name):
            pass
        elif mode == WRITE and target.type == "ThisExpression" and walk.function.kind == "constructor":
            pass  # the object is being made, and nobody else has it
        elif self._simple(target):
            name = self._text(target)
            probe = f"{'$pxg' if mode == READ else '$pxw'}({name},{key},{line}{extra})"
            self._either(target, probe, name)
        else:
            probe = "$pxG(" if mode == READ else "$pxV("
            self._wrapped(target, probe, f",{key},{line}{extra})")
        if node.computed:
            walk.visit(node.property)

    def _either(self, target: Node, probe: str, name: str) -> None:
        """Put `(flag ? probe : name)` around a name, with the probe of the variable itself where it has one."""
        walk = self.walk
        binding = self._recorded(target) if target.type == "Identifier" else None
        if binding is not None:
            probe = f"({self.hook(binding, READ, walk.line(target), value=True)},{probe})"
        walk.before(target, f"($pxs?{probe}:")
        walk.after(target, ")")

    def _simple(self, node: Node) -> bool:
        return node.type in ("Identifier", "ThisExpression")

    def _text(self, node: Node) -> str:
        return "this" if node.type == "ThisExpression" else self.walk.text[node.range[0] : node.range[1]]

    def _stateless(self, name: str) -> bool:
        # The module's own code sets its exports up; only functions can change them later.
        return name in _STATELESS or (name == "exports" and self.walk.function.index == 0)

    def _free(self, node: Node) -> bool:
        return self.walk.scopes.binding_at(node.range[0]) is None

    def _visit_SpreadElement(self, node: Node) -> None:  # noqa: N802
        self.walk.wrap(node.argument, "$pxI(", f",{self.walk.line(node)})")

    def _visit_ForInStatement(self, node: Node) -> None:  # noqa: N802
        self.loop(node)

    def loop(self, node: Node) -> None:
        """Visit a `for … in` or `for … of`."""
        walk = self.walk
        if node.left.type == "VariableDeclaration":
            for one in node.left.declarations:
                self._pattern(one.id)
        elif node.left.type != "Identifier":
            self._pattern(node.left)
        walk.wrap(node.right, "$pxI(", f",{walk.line(node.right)})")
        self._body(node)

    def _visit_ForStatement(self, node: Node) -> None:  # noqa: N802
        for child in (node.init, node.test, node.update):
            self.walk.visit(child)
        self._body(node)

    def _body(self, node: Node) -> None:
        """Visit a loop's body; variables of the loop's head get their identity there, anew in each round."""
        walk = self.walk
        if node.body.type == "BlockStatement":
            with walk.block(node.body, tuple(node.range)):
                walk.visit(node.body)
        else:
            walk.visit(node.body)

    # -- calls --------------------------------------------------------------------------------------

    def _visit_CallExpression(self, node: Node) -> None:  # noqa: N802
        self._callee(node)
        for argument in node.arguments:
            self.walk.visit(argument)

    def _callee(self, node: Node) -> None:
        walk, callee = self.walk, node.callee
        kind = callee.type
        if kind == "MemberExpression":
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
        elif kind in FUNCTION_TYPES or kind == "ChainExpression" or _optional_before(callee):
            walk.visit(callee)
        else:
            walk.wrap(callee, "$pxH(", f",{walk.site(node, callee)})")

    def _method(self, node: Node, callee: Node) -> None:
        walk, target = self.walk, callee.object
        private = callee.property.type == "PrivateIdentifier"
        if target.type in ("Super", "MetaProperty") or _optional_before(target) or private:
            self._member(callee, READ)
            return
        if target.type == "Identifier" and self._free(target) and self._stateless(target.name):
            if callee.computed:
                walk.visit(callee.property)
            return
        if callee.computed and callee.property.type != "Literal":
            if walk.bare or callee.optional:
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

    def _wrapped(self, target: Node, prefix: str, suffix: str) -> None:
        """Wrap the object of a member expression so that the engine still reports errors at the same place.

        Behind a call it names the dot, behind anything else the property; parentheses make a call anything else.
        """
        if _called(target):
            self.walk.wrap(target, prefix, suffix)
        else:
            self.walk.wrap(target, f"({prefix}", f"{suffix})")

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
            for argument in node.arguments:
                walk.visit(argument)
            if held:
                walk.after(node, f",$pxs&&$pxn({held},{walk.line(node)},{walk.file_id}),{held})")
            return
        if callee.type == "Identifier":
            if not self._free(callee):
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
            return callee.name in _WATCHED_CONSTRUCTORS
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
        walk.after(node, f",$pxs&&$pxn({held},{walk.line(node)},{walk.file_id}),{held})")


def _optional_before(node: Node) -> bool:
    """Whether a link of an optional chain stands in front, so that wrapping would end the chain too early."""
    while node.type in ("MemberExpression", "CallExpression"):
        if node.optional:
            return True
        node = node.object if node.type == "MemberExpression" else node.callee
    return False


def _called(node: Node) -> bool:
    """Whether a call stands in a chain of members."""
    while node.type == "MemberExpression":
        node = node.object
    return bool(node.type == "CallExpression")


def _end_of(walk: Walk, node: Node, within: Node) -> int:
    """Return the end of a node with the parentheses around it."""
    end: int = node.range[1]
    at = find_token(walk.text, end, ")")
    opening = walk.text[within.range[0] : node.range[0]] if node is within.object else ""
    for _ in range(opening.count("(")):
        end = at + 1
        at = find_token(walk.text, end, ")")
    return end


def _literal_key(node: Node) -> str:
    """Return a property's name as a JavaScript literal; `0` stands for any computed one."""
    key = node.property
    if key.type == "PrivateIdentifier":
        return json.dumps(f"#{key.name}")
    if not node.computed:
        return json.dumps(key.name)
    if key.type == "Literal" and isinstance(key.value, str):
        return json.dumps(key.value)
    return "0"


def _name_of(callee: Node) -> str:
    """Return the key of a called method that is a name or a literal."""
    if not callee.computed:
        return json.dumps(callee.property.name)
    value = callee.property.value
    return json.dumps(value) if isinstance(value, str) else str(callee.property.raw)


def _constant_key(member: Node) -> str | None:
    key = member.key
    if member.computed:
        return None
    return str(key.name) if key.type == "Identifier" else str(key.value)
