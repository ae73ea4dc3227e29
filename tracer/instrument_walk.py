"""The walk over a file that inserts the probes for entries, exits and suspensions.

Nodes are visited in source order, with text inserted in front of a node before its children are visited
and behind it afterwards; so insertions at one offset nest as the nodes do.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipetrace.javascript.edits import Edits
from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.lines import LineIndex
from pipetrace.javascript.nodes import FUNCTION_TYPES, Node, code_children
from pipetrace.javascript.parse import ParsedFile
from pipetrace.javascript.scopes import ScopeInfo
from pipetrace.tracer.instrument_calls import MemoryProbes
from pipetrace.tracer.instrument_chains import Chains
from pipetrace.tracer.instrument_patterns import movable_patterns, parameter_pattern, pattern_text, without_line_breaks
from pipetrace.tracer.instrument_plan import Plan, identifiers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOST_SITES = 65535


class Walk:
    """One walk over one file. Afterwards `edits` and `sites` hold the result."""

    def __init__(
        self,
        parsed: ParsedFile,
        scopes: ScopeInfo,
        functions: Sequence[FunctionInfo],
        plan: Plan,
        *,
        file_id: int,
        function_base: int,
    ) -> None:
        self.parsed = parsed
        self.text = parsed.text
        self.scopes = scopes
        self.functions = functions
        self.plan = plan
        self.file_id = file_id
        self.function_base = function_base
        self.edits = Edits(parsed.text)
        self.sites: list[tuple[int, str]] = []
        self._by_node = {id(info.node): info for info in functions}
        self.function = functions[0]
        self.quiet = 0
        """Above 0 where no memory probe may stand: parameters, `with`."""
        self.bare = 0
        """Above 0 where no temporary can be used: parameters, initialisers of class fields."""
        self._temporaries: dict[int, int] = {}
        self.depth = 0
        self._statement_lists: set[int] = set()
        self.open_loops: list[tuple[int, int]] = []
        """Ranges of the loop scopes whose token is visible here."""
        self.chains = Chains(self)
        self.memory = MemoryProbes(self) if plan.memory else None
        self.read_lines: LineIndex | None = None
        """How lines of accesses are told; None as those of the text."""
        self.in_params: int | None = None
        """The function whose parameters are visited."""
        self._taken = ""
        """Declarations that take the parameters of the current function apart."""
        self._handed: set[int] = set()
        """Ids of the nodes of functions that are handed to a call where they stand."""
        self._makers: set[int] = set()
        """Functions that such functions name as their maker."""

    # -- text ---------------------------------------------------------------------------------------

    def before(self, node: Node, text: str) -> None:
        """Insert in front of a node, inside of parentheses around it."""
        if self.chains.front(node, text):
            return
        at = node.range[0]
        before = self.parsed.text[at - 1 : at]
        # A keyword may stand right before a literal or an operator: return"x", await[1].
        glued = (before.isalnum() or before in ("_", "$")) and (text[0].isalpha() or text[0] in "_$")
        self.edits.insert(at, f" {text}" if glued else text)

    def after(self, node: Node, text: str) -> None:
        """Insert behind a node."""
        self.edits.insert(node.range[1], text)

    def wrap(self, node: Node, prefix: str, suffix: str, visit: Callable[[], None] | None = None) -> None:
        """Make a node the first argument of a call, and visit it."""
        sequence = node.type == "SequenceExpression"
        self.before(node, prefix + "(" if sequence else prefix)
        if visit is None:
            self.visit(node)
        else:
            visit()
        self.after(node, ")" + suffix if sequence else suffix)

    def line(self, node: Node) -> int:
        """1-based line of a node, as people read it."""
        return (self.read_lines or self.parsed.lines).position(node.range[0])[0]

    def own_line(self, node: Node) -> int:
        """1-based line of a node in this very text."""
        return self.parsed.lines.position(node.range[0])[0]

    def site(self, node: Node, callee: Node) -> int:
        """Return the id of a new call site."""
        if len(self.sites) < _MOST_SITES:
            # In a chain over several lines, the line of the name tells which call it is.
            named = callee.property if callee.type == "MemberExpression" else node
            self.sites.append((named.range[0], callee_name(callee)))
        return self.file_id * 65536 + len(self.sites) - 1

    def function_id(self, info: FunctionInfo) -> int:
        """Return the function id in the trace."""
        return self.function_base + info.index

    def temporary(self, number: int) -> str:
        """Name a temporary of the current function."""
        self._temporaries[self.function.index] = max(self._temporaries.get(self.function.index, 0), number + 1)
        return f"$px{number}"

    def temporaries(self, index: int) -> str:
        """Return the names that a function must declare, separated by commas."""
        return ",".join(f"$px{number}" for number in range(self._temporaries.get(index, 0)))

    @property
    def shape(self) -> str:
        """How the current function is entered; 'none' where there is no frame to refer to."""
        if self.function.index == 0:
            return "promise" if self.parsed.goal == "module" else "none"
        return self.plan.shapes[self.function.index]

    # -- the walk -----------------------------------------------------------------------------------

    def run(self) -> None:
        """Visit the whole file."""
        self.statements(self.parsed.tree.body)

    def statements(self, nodes: Sequence[Node]) -> None:
        """Visit a list of statements."""
        for node in nodes:
            self._statement_lists.add(id(node))
            self.visit(node)

    def visit(self, node: Node | None) -> None:
        """Visit one node."""
        if node is None:
            return
        kind = node.type
        if kind in FUNCTION_TYPES:
            self._function(node)
            return
        if kind in ("CallExpression", "NewExpression"):
            self._handed.update(id(each) for each in node.arguments if each.type in FUNCTION_TYPES)
        method = getattr(self, f"_visit_{kind}", None)
        if method is not None:
            method(node)
        elif self.memory is None or self.quiet or not self.memory.visit(node):
            self.children(node)

    def children(self, node: Node) -> None:
        """Visit the children of a node."""
        for child in code_children(node):
            self.visit(child)

    def in_list(self, node: Node) -> bool:
        """Whether a statement stands in a list of statements, so that others can stand before and behind it."""
        return id(node) in self._statement_lists

    def _visit_Program(self, node: Node) -> None:  # noqa: N802
        self.statements(node.body)

    def _visit_BlockStatement(self, node: Node) -> None:  # noqa: N802
        with self.block(node, tuple(node.range)):
            self.statements(node.body)

    @contextmanager
    def block(self, node: Node, scope: tuple[int, int]) -> Iterator[None]:
        """Inside of a block, the token of the loop scope `scope` is declared at its head."""
        number = self.plan.loop_tokens.get(scope)
        if number is None or self.memory is None or self.quiet:
            yield
            return
        home = self.function_id(self.function)
        self.edits.insert(node.range[0] + 1, f"let $pxl{number}=$pxs&&$pxN({home});")
        self.open_loops.append(scope)
        yield
        self.open_loops.pop()

    def _visit_SwitchCase(self, node: Node) -> None:  # noqa: N802
        self.visit(node.test)
        self.statements(node.consequent)

    def _visit_ExpressionStatement(self, node: Node) -> None:  # noqa: N802
        if node.directive is not None:
            return
        if self.memory is not None and self.in_list(node):
            # An inserted parenthesis must not continue a statement that ends without a semicolon.
            self.before(node, ";")
        self.visit(node.expression)

    def _visit_LabeledStatement(self, node: Node) -> None:  # noqa: N802
        if self.in_list(node) and node.body.type == "ForOfStatement":
            self._statement_lists.add(id(node.body))
        self.visit(node.body)

    def _visit_WithStatement(self, node: Node) -> None:  # noqa: N802
        self.visit(node.object)

    def _visit_ExportNamedDeclaration(self, node: Node) -> None:  # noqa: N802
        self.visit(node.declaration)

    def _visit_ImportDeclaration(self, node: Node) -> None:  # noqa: N802
        return

    def _visit_CatchClause(self, node: Node) -> None:  # noqa: N802
        self.visit(node.param)
        self._landing(node.body)
        self.visit(node.body)

    def _visit_TryStatement(self, node: Node) -> None:  # noqa: N802
        self.visit(node.block)
        self.visit(node.handler)
        if node.finalizer is not None:
            self._landing(node.finalizer)
            self.visit(node.finalizer)

    def _landing(self, block: Node) -> None:
        """Insert what puts the shadow stack right where exceptions land."""
        shape = self.shape
        if shape == "generator":
            self.edits.insert(block.range[0] + 1, f"$pxi<0&&($pxi=$pxE({self.function_id(self.function)}));$pxC($pxi);")
        elif shape != "none":
            self.edits.insert(block.range[0] + 1, "$pxC($pxi);")

    def _visit_ReturnStatement(self, node: Node) -> None:  # noqa: N802
        if self.shape == "none" or self.function.index == 0:
            self.visit(node.argument)
            return
        probe = "$pxY" if self.function.index in self.plan.split else "$pxR"
        if node.argument is None:
            self.edits.insert(node.range[0] + len("return"), f" {probe}($pxi)")
        else:
            self.wrap(node.argument, f"{probe}($pxi,", ")")

    def _visit_AwaitExpression(self, node: Node) -> None:  # noqa: N802
        if self.shape != "promise":
            self.children(node)
            return
        line = f",{self.line(node)}" if self.memory is not None else ""
        self.before(node, "$pxB($pxi,")
        self.wrap(node.argument, "$pxA($pxi,", f"{line})")
        self.after(node, ")")

    def _visit_YieldExpression(self, node: Node) -> None:  # noqa: N802
        shape = self.shape
        if shape == "none":
            self.children(node)
            return
        if shape == "promise":
            opening, prefix, suffix, closing = "$pxB($pxi,", "$pxA($pxi,", ")", ")"
        else:
            entry = f"$pxi=$pxE({self.function_id(self.function)})"
            opening, prefix, suffix, closing = "$pxJ(", "$pxJ(", ",$pxX($pxi),$pxi=-1)", f",{entry})"
        self.before(node, opening)
        if node.argument is None:
            self.edits.insert(node.range[0] + len("yield"), f" {prefix}void 0{suffix}")
            self.edits.insert(node.range[0] + len("yield"), closing)
        else:
            self.wrap(node.argument, prefix, suffix)
            self.after(node, closing)

    def _visit_ForOfStatement(self, node: Node) -> None:  # noqa: N802
        waits = node.allowAwait
        if not waits or self.shape != "promise":
            if self.memory is not None and not self.quiet:
                self.memory.loop(node)
            else:
                self.children(node)
            return
        self.visit(node.left)
        if self.memory is not None and not self.quiet:
            self.wrap(node.right, "$pxW($pxi,$pxI(", f",{self.line(node.right)}))")
        else:
            self.wrap(node.right, "$pxW($pxi,", ")")
        if node.body.type == "BlockStatement":
            self.edits.insert(node.body.range[0] + 1, "$pxC($pxi);")
            with self.block(node.body, tuple(node.range)):
                self.visit(node.body)
        else:
            self.before(node.body, "{$pxC($pxi);")
            self.visit(node.body)
            self.after(node.body, "}")
        if self.in_list(node):
            self.after(node, ";$pxC($pxi);")

    # -- functions ----------------------------------------------------------------------------------

    def _visit_StaticBlock(self, node: Node) -> None:  # noqa: N802
        with self._inside(self._by_node[id(node)]):
            self.bare += 1
            self.statements(node.body)
            self.bare -= 1

    def _visit_PropertyDefinition(self, node: Node) -> None:  # noqa: N802
        if node.computed:
            self.visit(node.key)
        if node.value is not None:
            with self._inside(self._by_node[id(node)]):
                self.bare += 1
                self.visit(node.value)
                self.bare -= 1

    @contextmanager
    def _inside(self, info: FunctionInfo) -> Iterator[None]:
        outer = self.function, self.quiet, self.bare, self.depth, self.open_loops, self._taken, self.in_params
        self.function, self.bare, self.depth = info, 0, 0
        self.open_loops = list(self.open_loops)
        yield
        self.function, self.quiet, self.bare, self.depth, self.open_loops, self._taken, self.in_params = outer

    def _function(self, node: Node) -> None:
        info = self._by_node[id(node)]
        outer_params = self.in_params
        with self._inside(info):
            self.in_params = info.index
            # Inside of parameters, what identifies the scope of the function around is not declared yet.
            self.quiet += outer_params is not None
            self.bare += 1
            moved = self._moved_patterns(info, node)
            for param in node.params:
                pattern = parameter_pattern(param)
                if pattern in moved:
                    self.visit(param.right if param.type == "AssignmentPattern" else None)
                else:
                    self.visit(param)
            self.in_params = None
            self.bare -= 1
            self._taken = self._take_apart(moved)
            if self.plan.shapes[info.index] == "none":
                self._untracked(info, node)
            elif info.expression_body:
                self._expression_body(info, node)
            elif info.index in self.plan.split:
                self._split_body(info, node)
            else:
                self._block_body(info, node)

    def _moved_patterns(self, info: FunctionInfo, node: Node) -> list[Node]:
        """The patterns among the parameters that the body takes apart instead."""
        if self.memory is None or self.quiet or info.uses_arguments or info.uses_eval or info.uses_with:
            return []
        if info.index in self.plan.split:
            return []
        return movable_patterns(node, self.text)

    def _take_apart(self, moved: list[Node]) -> str:
        """Put a name in the place of each pattern, and return the declarations that take the values apart."""
        text = ""
        for number, pattern in enumerate(moved):
            source, breaks = without_line_breaks(self.text[pattern.range[0] : pattern.range[1]])
            name = f"$pxp{number}"
            self.edits.replace(pattern.range[0], pattern.range[1], name + breaks)
            # Of what cannot be taken apart the engine tells by the pattern in the parameters.
            text += f"{name}==null&&(({source})=>{{}})({name});"
            text += f"let {source}=$pxs?$pxD({name},{pattern_text(pattern)},{self.line(pattern)}):{name};"
        return text

    def _untracked(self, info: FunctionInfo, node: Node) -> None:
        if info.uses_with:
            self.quiet += 1
        taken = self._taken
        if info.expression_body:
            self.bare += 1
            self.visit(node.body)
            self.bare -= 1
            if taken:
                self.edits.insert(info.body_start, f"{{{taken}return (", order=-5)
                self.edits.insert(info.body_end, ")}")
            return
        self.statements(node.body.body)
        temporaries = self.temporaries(info.index)
        if temporaries or taken:
            head = f";let {temporaries};" if temporaries else ";"
            self.edits.insert(info.statements_start, head + taken, order=-5)

    def _expression_body(self, info: FunctionInfo, node: Node) -> None:
        query, body = self._query(info) + self._taken, node.body
        sequence = body.type == "SequenceExpression"
        self.visit(body)
        self.edits.insert(
            info.body_start,
            f"{{{self._frame(info)}try{{{query}return $pxR($pxi," + ("(" if sequence else ""),
            order=-5,
        )
        self.edits.insert(info.body_end, (")" if sequence else "") + ")}finally{$pxX($pxi)}}")

    def _block_body(self, info: FunctionInfo, node: Node) -> None:
        statements = node.body.body
        taken = self._taken
        self.statements(statements)
        head = f";{self._frame(info)}try{{{self._query(info)}{taken}"
        self.edits.insert(info.statements_start, head, order=-5)
        ends = bool(statements) and statements[-1].type in ("ReturnStatement", "ThrowStatement")
        tail = "" if ends else ";$pxR($pxi);"
        self.edits.insert(info.body_end - 1, tail + "}finally{$pxX($pxi)}")

    def _split_body(self, info: FunctionInfo, node: Node) -> None:
        """Functions stay at the top of the body; each run of other statements gets a `try` of its own."""
        run: list[Node] = []
        declarations_only = True
        for statement in [s for s in node.body.body if s.directive is None] + [None]:
            if statement is not None and statement.type != "FunctionDeclaration":
                run.append(statement)
                continue
            if run:
                declarations_only = False
                self.edits.insert(run[0].range[0], "try{")
                self.statements(run)
                self.edits.insert(run[-1].range[1], "}catch($pxc){$pxX($pxi);throw $pxc}")
                run = []
            if statement is not None:
                self.visit(statement)
        head = f";{self._frame(info)}"
        self.edits.insert(info.statements_start, head + ("" if declarations_only else self._query(info)), order=-5)
        self.edits.insert(info.body_end - 1, ";$pxY($pxi);")

    def _frame(self, info: FunctionInfo) -> str:
        """Return the declarations at the head of a body: temporaries, the entry, the scope's identity."""
        temporaries = self.temporaries(info.index)
        text = f"let {temporaries};" if temporaries else ""
        shape, number = self.plan.shapes[info.index], self.function_id(info)
        keyword = "let" if shape == "generator" else "const"
        text += f"{keyword} $pxi={'$pxP' if shape == 'promise' else '$pxE'}({number});"
        if info.index in self._makers:
            text += f"const $pxu{info.index}=$pxU();"
        if self.memory is not None and info.index in self.plan.function_tokens:
            text += f"let $pxf{info.index}=$pxs&&$pxN({number});"
        return text

    def _query(self, info: FunctionInfo) -> str:
        """Return the text that hands over `this`, arguments and captured variables when they are wanted."""
        this = "void 0" if info.kind in ("arrow", "constructor") else "this"
        if info.uses_arguments and info.kind != "arrow":
            arguments = "arguments"
        else:
            moved = iter(range(len(info.node.params)))
            arguments = "["
            arguments += ",".join(
                f"$pxp{next(moved)}" if self._taken and parameter_pattern(param) is not None else _argument(param)
                for param in info.node.params
            )
            arguments += "]"
        local = [capture.name for capture in self.scopes.captures(info.index) if capture.scope_function != 0][:24]
        captures = ",{" + ",".join(f"{name}:()=>{name}" for name in local) + "}" if local else ""
        maker = info.parent
        if id(info.node) in self._handed and maker and not self.quiet and self.plan.shapes[maker] != "none":
            # A queue of the application's libraries calls it in whatever context it runs itself.
            self._makers.add(maker)
            captures = f"{captures or ',void 0'},$pxu{maker}"
        return f"$pxq&&$pxQ($pxi,{this},{arguments}{captures});"


def _argument(param: Node) -> str:
    """Return an expression that gives a parameter's value, or something of its shape."""
    kind = param.type
    if kind == "Identifier":
        return str(param.name)
    if kind == "AssignmentPattern":
        return _argument(param.left)
    if kind == "RestElement":
        return "..." + _argument(param.argument)
    names = ",".join(name.name for name in identifiers(param))
    return f"[{names}]" if kind == "ArrayPattern" else f"{{{names}}}"


def callee_name(node: Node) -> str:
    """Return a callee's text made of names only, without any value that may stand in it."""
    parts: list[str] = []
    while True:
        kind = node.type
        if kind == "MemberExpression":
            computed = node.computed or node.property.type not in ("Identifier", "PrivateIdentifier")
            parts.append("[…]" if computed else f".{node.property.name}")
            node = node.object
        elif kind == "CallExpression":
            parts.append("()")
            node = node.callee
        elif kind == "ChainExpression":
            node = node.expression
        else:
            break
    root = {"Identifier": getattr(node, "name", ""), "ThisExpression": "this", "Super": "super"}.get(node.type, "…")
    return (str(root) + "".join(reversed(parts)))[:60]
