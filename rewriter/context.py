"""The rewriting of one file while it is under way: what is to be edited, and what goes to its first line."""

from __future__ import annotations

from functools import cached_property

from pipetrace.javascript.nodes import FUNCTION_TYPES, Node, code_children
from pipetrace.rewriter.surgery import Surgery
from pipetrace.rewriter.view import FileView

HEAD = ""
"""Tag of the operations that serve no handler in particular."""
LOADED = "loaded"
"""Tag of what the runtime wants to know, and is put in when the file is loaded, not before."""
GUARD = "guard"
"""Tag of guards, which are put in then, too."""
WHEN_LOADED = frozenset({LOADED, GUARD})


class FileContext:
    """What the transformations of one file share."""

    def __init__(self, view: FileView, *, linted: bool = False) -> None:
        self.view = view
        self._linted = linted
        self.surgery = Surgery(view.text)
        self.pt = view.fresh("$pt")
        """Name of the file's runtime object."""
        self.notes: list[str] = []
        """Sentences on what was left undone, for the user."""
        self._head: list[tuple[str, str]] = []
        self._tail: list[str] = []
        self._declarations: list[tuple[str, str]] = []
        self._lifts = 0
        self._kernels = 0

    def call(self, method: str, *arguments: str) -> str:
        """Write a call of the runtime object."""
        return f"{self.pt}.{method}({', '.join(arguments)})"

    def string(self, value: str) -> str:
        """Write a string literal in the manner of the file."""
        return self.view.string(value)

    def first(self, tag: str, statement: str) -> None:
        """Have a statement run before all others of the module: one that gives a function's name another value."""
        self._head.append((tag, statement))

    def last(self, statement: str) -> None:
        """Have a statement run when the loaded module has been evaluated; before all others if it may return early."""
        if self._returns_early:
            self.first(LOADED, statement)
        else:
            self._tail.append(statement)

    @cached_property
    def _returns_early(self) -> bool:
        """Tell whether a CommonJS module has a `return` outside of functions."""
        stack: list[Node] = [self.view.parsed.tree]
        while stack:
            node = stack.pop()
            if node.type == "ReturnStatement":
                return True
            if node.type not in FUNCTION_TYPES:
                stack += code_children(node)
        return False

    def last_line(self, line: str) -> None:
        """Put a line that is no statement to the end of the loaded file."""
        if line:
            self._tail.append(line)

    def tail(self, *, loaded: bool) -> str:
        """Return the lines for the end of the file, as it stands or as it is loaded."""
        return self.view.newline.join([*(text for _, text in self._declarations), *(self._tail if loaded else ())])

    def tail_of(self, tag: str) -> str:
        """Return those lines that serve the handler `tag`."""
        return self.view.newline.join(text for owner, text in self._declarations if owner == tag)

    def lift_name(self) -> str:
        """Return a new name for a factory at module level."""
        while True:
            self._lifts += 1
            name = f"$lift{self._lifts}"
            if self.view.fresh(name) == name:
                return name

    def last_of(self, tag: str, statement: str) -> None:
        """Put a function declaration to the end of the file, for the handler `tag`."""
        self._declarations.append((tag, statement))

    def kernel_name(self) -> str:
        """Return a new name for a kernel at module level."""
        while True:
            self._kernels += 1
            name = f"$kernel{self._kernels}"
            if self.view.fresh(name) == name:
                return name

    @property
    def touched(self) -> bool:
        """Tell whether anything is to be changed."""
        return bool(self._head or self._tail or self._declarations or self.surgery.tags)

    def place_head(self) -> None:
        """Put the runtime object and the first statements in front of the module's first statement."""
        tags = {*self.surgery.tags, *(tag for tag, _ in self._head), *(tag for tag, _ in self._declarations)}
        view = self.view
        loader = view.string("@pipetrace/runtime")
        path = view.string(view.path)
        if view.is_module:
            imported = view.fresh("$ptRuntime")
            opening = f"import {imported} from {loader}; const {self.pt} = {imported}.file({path});"
        else:
            opening = f"const {self.pt} = require({loader}).file({path});"
        statements = [node for node in view.parsed.tree.body if node.directive is None]
        if statements:
            offset, before, after = statements[0].range[0], "", " "
        else:
            offset = len(view.text)
            before, after = ("" if view.text.endswith(("\n", "\r")) else view.newline), ""
        self.surgery.insert(HEAD if tags - WHEN_LOADED else LOADED, offset, before + opening + after)
        for tag, statement in self._head:
            if tag in WHEN_LOADED:
                self.surgery.insert(tag, offset, statement + after)
        assigned = [(tag, statement) for tag, statement in self._head if tag not in WHEN_LOADED]
        before, behind = self.around_assignments if assigned else ("", "")
        if before:
            self.surgery.insert(HEAD, offset, before)
        for tag, statement in assigned:
            self.surgery.insert(tag, offset, statement + after)
        if behind:
            self.surgery.insert(HEAD, offset, behind.lstrip() + after)

    @property
    def around_assignments(self) -> tuple[str, str]:
        """What stands before and behind assignments to functions' names, where a linter would complain of them."""
        if not self._linted:
            return "", ""
        return "/* eslint-disable no-func-assign */ ", " /* eslint-enable no-func-assign */"
