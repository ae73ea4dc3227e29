"""Names: what a function is called by what it is assigned to, and how names stand in handler keys."""

from __future__ import annotations

from pipetrace.javascript.nodes import Node


def target_name(target: Node) -> str:
    """Return the name that an assignment to `target` gives to an anonymous function."""
    if target.type == "Identifier":
        return str(target.name)
    if target.type == "MemberExpression":
        return _property_name(target.property, target.computed)
    return ""


def key_name(member: Node) -> str:
    """Return the name of a member of a class or object, '' for a computed one that is no literal."""
    return _property_name(member.key, member.computed)


def _property_name(key: Node, computed: bool) -> str:
    if key.type == "PrivateIdentifier":
        return f"#{key.name}"
    if key.type == "Identifier":
        return "" if computed else str(key.name)
    if key.type == "Literal" and isinstance(key.value, str):
        return str(key.value)
    if key.type == "Literal":
        return str(key.raw)
    return ""


def escape(component: str) -> str:
    """Make a name safe between the `/`, `@` and `#` of a handler key."""
    for character in "%/@#":
        component = component.replace(character, f"%{ord(character):02X}")
    return component
