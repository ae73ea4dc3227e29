"""Probes for memory accesses: variables, properties, contents.

A probe stands beside the access, behind the test of a global flag, so that unsampled code pays one test:
`o.p` becomes `($pxs?$pxg(o,"p",12):o).p`, and `x = 1` becomes `($pxs&&$pxm(…),x = 1)`. Where the object is
no plain name, the probe is a call that returns it: `$pxG(f(),"p",12).p`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipetrace.javascript.nodes import Node
from pipetrace.javascript.scopes import Binding
from pipetrace.javascript.trivia import find_token
from pipetrace.tracer.instrument_patterns import pattern_text, runs_code
from pipetrace.tracer.instrument_plan import identifiers

if TYPE_CHECKING:
    from pipetrace.tracer.instrument_walk import Walk

READ, WRITE, BOTH = 1, 2, 3


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_STATELESS = words(
    "Math Number String Symbol Date Promise Buffer Array BigInt Boolean Intl Error TypeError "
    "RangeError RegExp console Atomics module __dirname __filename"
)
"""Globals whose properties are not watched: they are functions or constants."""

_LANGUAGE = words(
    "undefined NaN Infinity arguments globalThis global process console require module exports __dirname "
    "__filename Object Function Array Map Set WeakMap WeakSet WeakRef FinalizationRegistry Math JSON "
    "Reflect Proxy Promise Symbol Date String Number Boolean BigInt RegExp Error AggregateError EvalError "
    "RangeError ReferenceError SyntaxError TypeError URIError Intl Atomics ArrayBuffer SharedArrayBuffer "
    "DataView Iterator Buffer URL URLSearchParams TextEncoder TextDecoder AbortController AbortSignal "
    "Event EventTarget MessageChannel performance structuredClone setTimeout setInterval setImmediate "
    "queueMicrotask clearTimeout clearInterval clearImmediate fetch Request Response Headers FormData "
    "Blob WebAssembly crypto navigator parseInt parseFloat isNaN isFinite eval atob btoa "
    "encodeURIComponent decodeURIComponent encodeURI decodeURI escape unescape"
)
"""Free names that the language and Node bind; other ones are variables that the application made without declaring."""
WATCHED_CONSTRUCTORS = words(
    "Map Set WeakMap WeakSet Array Object Int8Array Uint8Array Uint8ClampedArray Int16Array "
    "Uint16Array Int32Array Uint32Array Float32Array Float64Array BigInt64Array BigUint64Array "
    "ArrayBuffer DataView SharedArrayBuffer"
)


class AccessProbes:
    """Inserts the probes of accesses in one file; `visit` is asked for each node that is no function."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.references = {
            use.start: (binding, use) for binding in walk.scopes.bindings for use in binding.references if not use.init
        }
        self.imported = {
            use.start: use for found in walk.plan.imports for use in walk.scopes.bindings[found].references
        }
        self.undeclared = {
            start: use
            for start, use in walk.scopes.undeclared.items()
            if walk.text[start : use.end] not in _LANGUAGE and walk.text[start : use.end] not in WATCHED_CONSTRUCTORS
        }
        """Uses of variables that nothing declares."""

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
        if home != 0 and home == walk.in_params:
            return None
        if home == 0 or plan.shapes[home] == "none":
            # Without an identity all activations of the function count as one.
            return ""
        looped = binding.scope_range in plan.loop_tokens and binding.scope_range in walk.open_loops
        if looped and binding.kind not in ("var", "param", "catch"):
            # Rounds of a loop without a block have no place for an identity of their own.
            return f"$pxl{plan.loop_tokens[binding.scope_range]}"
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
            free = self._foreign_hook(node, READ)
            if free is not None:
                use = self.undeclared.get(node.range[0]) or self.imported[node.range[0]]
                key = f"{node.name}:" if use.shorthand else ""
                self.walk.before(node, f"{key}($pxs&&{free},")
                self.walk.after(node, ")")
            return
        use = self.references[node.range[0]][1]
        if use.mode != "r":
            return
        key = f"{binding.name}:" if use.shorthand else ""
        hook = self.hook(binding, READ, self.walk.line(node), value=True)
        self.walk.before(node, f"{key}($pxs&&{hook},")
        self.walk.after(node, ")")

    def _foreign_hook(self, node: Node, mode: int) -> str | None:
        """The call that records an access to a variable that this file does not declare; None for other names."""
        if mode == READ and node.type == "Identifier":
            binding = self.walk.scopes.binding_at(node.range[0])
            if binding is not None and binding.id in self.walk.plan.imports:
                number = self.walk.plan.imports[binding.id]
                return f"$pxj({self.walk.file_id},{number},{self.walk.line(node)},{node.name})"
        if node.type != "Identifier" or node.range[0] not in self.undeclared:
            return None
        return f"$pxo({json.dumps(node.name)},{mode},{self.walk.line(node)})"

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
        if pattern.type in ("ArrayPattern", "ObjectPattern"):
            walk.wrap(value, "$pxD(", f",{pattern_text(pattern)},{walk.line(value)})")
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
        left, right, line = node.left, node.right, walk.line(node)
        plain = node.operator == "="
        # What the right side runs comes before the write, and after an `await` there it is another invocation.
        late = not walk.bare and runs_code(right) and right.type != "ClassExpression"
        if left.type == "MemberExpression":
            probe = self._late_probe(left) if late else None
            if probe is None:
                self._member(left, WRITE if plain and not self._rereads(left, right) else BOTH)
                self._source_of(left, right)
            else:
                self._member(left, 0 if plain else READ)
                self._later(right, probe)
            return
        hooks: list[tuple[str | None, str | None]] = []
        for name in identifiers(left):
            binding = self._recorded(name)
            if binding is not None:
                reread = not plain or (not late and self._reads(binding, right))
                before = self.hook(binding, BOTH if reread and not late else READ, line, value=reread)
                after = self.hook(binding, WRITE, line, value=False)
                hooks.append((before if reread or not late else None, after))
                if not reread and not late:
                    hooks[-1] = (after, None)
            else:
                free = self._foreign_hook(name, WRITE if plain else BOTH)
                if free is not None:
                    hooks.append((free, None))
        first = [before for before, _ in hooks if before is not None]
        last = [after for _, after in hooks if after is not None] if late else []
        if first:
            walk.before(node, f"($pxs&&({','.join(first)}),")
        if left.type != "Identifier":
            self._pattern(left)
        if last:
            self._later(right, ",".join(last), left)
        else:
            self._source_of(left, right)
        if first:
            walk.after(node, ")")

    def _later(self, value: Node, probe: str, pattern: Node | None = None) -> None:
        """Visit a value, and put a probe between its evaluation and its use."""
        walk = self.walk
        held = walk.temporary(0)
        walk.before(value, f"({held}=(")
        if pattern is None:
            walk.visit(value)
        else:
            self._source_of(pattern, value)
        walk.after(value, f"),$pxs&&({probe}),{held})")

    def _late_probe(self, left: Node) -> str | None:
        """The probe of a write that can stand behind the right side: of objects that have an unchanging name."""
        target = left.object
        if target.type == "Identifier":
            binding = self.walk.scopes.binding_at(target.range[0])
            if binding is None or binding.reassigned:
                return None
        elif target.type != "ThisExpression" or self.walk.function.kind == "constructor":
            return None
        return f"$pxw({self._text(target)},{_literal_key(left)},{self.walk.line(left.property)},{WRITE})"

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
        if argument.type != "Identifier":
            return
        binding, line = self._recorded(argument), self.walk.line(node)
        hook = self._foreign_hook(argument, BOTH) if binding is None else self.hook(binding, BOTH, line, value=True)
        if hook is not None:
            self.walk.before(node, f"($pxs&&{hook},")
            self.walk.after(node, ")")

    # -- properties ---------------------------------------------------------------------------------

    def _visit_MemberExpression(self, node: Node) -> None:  # noqa: N802
        self._member(node, READ)

    def _visit_UnaryExpression(self, node: Node) -> None:  # noqa: N802
        walk, argument = self.walk, node.argument
        if node.operator == "delete":
            if argument.type == "MemberExpression":
                self._member(argument, WRITE)
            elif argument.type == "ChainExpression":
                split = walk.chains.begin(argument, deletes=node)
                if split and argument.expression.type == "MemberExpression":
                    self._member(argument.expression, WRITE)
                else:
                    walk.children(argument.expression)
                if split:
                    walk.chains.end(argument, split)
            return
        free = self._foreign_hook(argument, READ) if node.operator == "typeof" else None
        if free is not None:
            walk.before(node, f"($pxs&&{free},")
            walk.after(node, ")")
            return
        walk.visit(argument)

    def _visit_ChainExpression(self, node: Node) -> None:  # noqa: N802
        split = self.walk.chains.begin(node)
        self.walk.children(node)
        if split:
            self.walk.chains.end(node, split)

    def _visit_BinaryExpression(self, node: Node) -> None:  # noqa: N802
        walk = self.walk
        if node.left.type != "PrivateIdentifier":
            walk.visit(node.left)
        if node.operator == "in":
            walk.wrap(node.right, "$pxI(", f",{walk.line(node.right)})")
        elif node.operator == "+" and _is_text(node.left):
            self._shown(node.right)
        else:
            walk.visit(node.right)

    def _visit_TemplateLiteral(self, node: Node) -> None:  # noqa: N802
        for inner in node.expressions:
            self._shown(inner)

    def _shown(self, node: Node) -> None:
        """Visit a value that becomes text, which reads the elements of an array."""
        if node.type in ("Identifier", "MemberExpression", "ThisExpression"):
            self.walk.wrap(node, "$pxI(", f",{self.walk.line(node)})")
        else:
            self.walk.visit(node)

    def _is_function(self, node: Node) -> bool:
        binding = self.walk.scopes.binding_at(node.range[0])
        return binding is not None and binding.id in self.walk.plan.function_of_binding

    def _member(self, node: Node, mode: int) -> None:
        """Visit a member access; mode 0 is one whose probe stands elsewhere."""
        walk = self.walk
        target = node.object
        key = _literal_key(node)
        line = walk.line(node.property)
        extra = "" if mode == READ else f",{mode}"
        held = walk.chains.name_of(node)
        if held is not None:
            walk.visit(target)
            probe = f"{'$pxg' if mode == READ else '$pxw'}({held},{key},{line}{extra})"
            walk.chains.put(node, f"($pxs?{probe}:{held})")
        elif target.type == "Super":
            self._super(node, key, mode, line)
        elif mode == 0 or target.type == "MetaProperty" or self._optional_before(target):
            walk.visit(target)
        elif target.type == "Identifier" and self._free(target) and self._stateless(target.name):
            pass
        elif mode == WRITE and target.type == "ThisExpression" and walk.function.kind == "constructor":
            pass  # the object is being made, and nobody else has it
        elif self._simple(target):
            self._note_holder(target, mode)
            name = self._text(target)
            probe = self._namespace(target, node) + f"{'$pxg' if mode == READ else '$pxw'}({name},{key},{line}{extra})"
            self._either(target, f"({probe})" if probe.startswith("$pxj") else probe, name)
        else:
            if target.type == "MemberExpression" and not target.computed and target.property.name == "prototype":
                self._note_holder(target.object, mode)
            self._wrapped(target, "$pxG(" if mode == READ else "$pxV(", f",{key},{line}{extra})")
        if node.computed:
            walk.visit(node.property)

    def _note_holder(self, target: Node, mode: int) -> None:
        """Keep functions and classes in mind that serve as an object with changing properties."""
        binding = self.walk.scopes.binding_at(target.range[0]) if target.type == "Identifier" else None
        if binding is not None and mode != READ and binding.id not in self.walk.plan.variable:
            self.walk.plan.holders.add(binding.id)

    def _namespace(self, target: Node, member: Node) -> str:
        """The additional probe of `space.name`, where `space` is what a module of the application exports."""
        walk = self.walk
        binding = walk.scopes.binding_at(target.range[0]) if target.type == "Identifier" else None
        specifier = walk.plan.namespaces.get(binding.id) if binding is not None else None
        if specifier is None or member.computed:
            return ""
        number = walk.plan.foreign(specifier, member.property.name)
        return f"$pxj({walk.file_id},{number},{walk.line(member.property)}),"

    def _super(self, node: Node, key: str, mode: int, line: int) -> None:
        """`super.x` means the object itself when it is written; the probe goes into the brackets of `super["x"]`."""
        walk = self.walk
        if walk.function.kind == "constructor" or node.computed or mode == 0:
            return
        dot = find_token(walk.text, node.object.range[1], ".")
        probe = f"$pxg(this,{key},{line})" if mode == READ else f"$pxw(this,{key},{line},{mode})"
        walk.edits.replace(dot, dot + 1, "[")
        walk.edits.replace(node.property.range[0], node.property.range[1], f"($pxs&&{probe},{key})]")

    def _optional_before(self, node: Node) -> bool:
        """Whether a link of an optional chain stands in front, so that wrapping would end the chain too early."""
        while node.type in ("MemberExpression", "CallExpression"):
            if node.optional and self.walk.chains.name_of(node) is None:
                return True
            node = node.object if node.type == "MemberExpression" else node.callee
        return False

    def _either(self, target: Node, probe: str, name: str) -> None:
        """Put `(flag ? probe : name)` around a name, with the probe of the variable itself where it has one."""
        walk = self.walk
        binding = self._recorded(target) if target.type == "Identifier" else None
        hook = (
            self._foreign_hook(target, READ)
            if binding is None
            else self.hook(binding, READ, walk.line(target), value=True)
        )
        if hook is not None:
            probe = f"({hook},{probe})"
        walk.before(target, f"($pxs?{probe}:")
        walk.after(target, ")")

    def _wrapped(self, target: Node, prefix: str, suffix: str) -> None:
        """Wrap the object of a member expression so that the engine still reports errors at the same place.

        Behind a call it names the dot, behind anything else the property; parentheses make a call anything else.
        """
        if _called(target):
            self.walk.wrap(target, prefix, suffix)
        else:
            self.walk.wrap(target, f"({prefix}", f"{suffix})")

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
        walk, left, line = self.walk, node.left, self.walk.line(node.right)
        target = left
        if left.type == "VariableDeclaration":
            target = left.declarations[0].id
            self._pattern(target)
        elif left.type != "Identifier":
            self._pattern(left)
        written = [hook for name in identifiers(target) if (hook := self._assigned(name, line)) is not None]
        if written and target is left:
            # Once for all rounds.
            walk.before(node.right, f"($pxs&&({','.join(written)}),")
        if node.type == "ForOfStatement" and target.type in ("ObjectPattern", "ArrayPattern"):
            walk.wrap(node.right, "$pxe(", f",{pattern_text(target)},{line})")
        else:
            walk.wrap(node.right, "$pxI(", f",{line})")
        if written and target is left:
            walk.after(node.right, ")")
        self._body(node)

    def _assigned(self, name: Node, line: int) -> str | None:
        binding = self._recorded(name)
        return self._foreign_hook(name, WRITE) if binding is None else self.hook(binding, WRITE, line, value=False)

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


def _is_text(node: Node) -> bool:
    """Whether an expression is certainly a string, so that `+` makes text of what it adds."""
    while node.type == "BinaryExpression" and node.operator == "+":
        if node.right.type == "TemplateLiteral" or (node.right.type == "Literal" and isinstance(node.right.value, str)):
            return True
        node = node.left
    return node.type == "TemplateLiteral" or (node.type == "Literal" and isinstance(node.value, str))


def _called(node: Node) -> bool:
    """Whether a call stands in a chain of members."""
    while node.type == "MemberExpression":
        node = node.object
    return bool(node.type == "CallExpression")


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
