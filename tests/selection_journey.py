"""The journey of the selection from the sidebar to Explore's figures: the files that receive it, in the order of calls.

It is followed as itself: as a `Selection`, as its `Experiment`, or as an object that has one of them as a field.
What is computed from it (accuracies, positions, texts) is not followed, nor are callbacks, which run at the next click.
All branches are followed, each function once: whoever reads along does not read a function again.

    python -m tests.selection_journey
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from tests.test_structure import MODULES

ORIGIN = "imprint_core.evaluation.experiment.Experiment"
# It is made in the sidebar, and the app hands it to the page.
START = ("ui.controls.sidebar", "app")
PAGE = ("pages.explore", "show")


class Function(NamedTuple):
    """A function or method: the name of its module, the class it belongs to, and its tree."""

    module: str
    owner: str
    tree: ast.FunctionDef


def _definitions() -> tuple[dict[str, Function], dict[str, ast.ClassDef]]:
    functions, classes = {}, {}
    for module, tree in MODULES.items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                functions[f"{module}.{node.name}"] = Function(module, "", node)
            if isinstance(node, ast.ClassDef):
                name = f"{module}.{node.name}"
                classes[name] = node
                methods = (part for part in node.body if isinstance(part, ast.FunctionDef))
                functions |= {f"{name}.{method.name}": Function(module, name, method) for method in methods}
    return functions, classes


FUNCTIONS, CLASSES = _definitions()


def _imported_names(tree: ast.Module) -> dict[str, str]:
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


NAMES = {module: _imported_names(tree) for module, tree in MODULES.items()}


def _resolve(module: str, node: ast.expr) -> str:
    """The dotted name of a function, class or module in the product; empty if it is none."""
    if isinstance(node, ast.Name):
        local = f"{module}.{node.id}"
        return local if local in FUNCTIONS or local in CLASSES else NAMES[module].get(node.id, "")
    if isinstance(node, ast.Attribute):
        parent = _resolve(module, node.value)
        return f"{parent}.{node.attr}" if parent else ""
    return ""


def _annotated(module: str, annotation: ast.expr | None) -> str:
    """The class that an annotation names, also within a sequence or an optional."""
    if annotation is None:
        return ""
    names = (_resolve(module, node) for node in ast.walk(annotation) if isinstance(node, ast.Name))
    return next((name for name in names if name in CLASSES), "")


def _fields(name: str) -> dict[str, str]:
    module = name.rpartition(".")[0]
    parts = (part for part in CLASSES[name].body if isinstance(part, ast.AnnAssign))
    return {part.target.id: _annotated(module, part.annotation) for part in parts if isinstance(part.target, ast.Name)}


def _carriers() -> set[str]:
    """The experiment's class, and every class that has a carrier as a field."""
    carriers = {ORIGIN}
    while more := {name for name in CLASSES if carriers & set(_fields(name).values())} - carriers:
        carriers |= more
    return carriers


CARRIERS = _carriers()


class _Body(ast.NodeVisitor):
    """The stays of one call of a function, in the order of its code."""

    def __init__(self, function: Function, walked: set[str]):
        self.module, self.walked = function.module, walked
        self.stays: list[str] = []
        arguments = function.tree.args
        parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        self.types = {a.arg: _annotated(function.module, a.annotation) for a in parameters}
        if function.owner:
            self.types["self"] = function.owner

    def type_of(self, node: ast.AST) -> str:
        """The carrier's class that an expression has; empty if it is no carrier."""
        name = ""
        if isinstance(node, ast.Name):
            name = self.types.get(node.id, "")
        elif isinstance(node, ast.Attribute):
            owner = self.type_of(node.value)
            name = _fields(owner).get(node.attr, "") if owner else ""
            if owner and f"{owner}.{node.attr}" in FUNCTIONS:
                function = FUNCTIONS[f"{owner}.{node.attr}"]
                name = _annotated(function.module, function.tree.returns)
        elif isinstance(node, ast.Call):
            target = _resolve(self.module, node.func)
            if target in FUNCTIONS:
                name = _annotated(FUNCTIONS[target].module, FUNCTIONS[target].tree.returns)
            else:
                name = target if target in CLASSES else self.type_of(node.func)
        return name if name in CARRIERS else ""

    def enter(self, name: str) -> None:
        function = FUNCTIONS[name]
        if name not in self.walked:
            self.walked.add(name)
            self.stays += [function.module, *walk(function, self.walked)]

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        targets = node.targets[0]
        pairs = (
            zip(targets.elts, node.value.elts, strict=False)
            if isinstance(targets, ast.Tuple) and isinstance(node.value, ast.Tuple)
            else [(targets, node.value)]
        )
        self.types |= {target.id: self.type_of(value) for target, value in pairs if isinstance(target, ast.Name)}

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.generic_visit(node)
        owner = self.type_of(node.value)
        if owner and f"{owner}.{node.attr}" in FUNCTIONS:
            self.enter(f"{owner}.{node.attr}")

    def visit_Call(self, node: ast.Call) -> None:
        callback = any((keyword.arg or "").startswith("on_") for keyword in node.keywords)
        keywords = [k.value for k in node.keywords if not (callback and (k.arg or "").startswith(("on_", "args")))]
        arguments = [*node.args, *keywords]
        for part in (node.func, *arguments):
            self.visit(part)
        parts = [part for argument in arguments for part in getattr(argument, "elts", [argument])]
        if not any(map(self.type_of, parts)):
            return
        called = [node.func, *arguments]
        # `partial(f, selection)` calls f.
        for target in (_resolve(self.module, part) for part in called):
            if target in FUNCTIONS:
                self.enter(target)


def walk(function: Function, walked: set[str]) -> list[str]:
    """The files in which the selection stays during one call."""
    body = _Body(function, walked)
    for statement in function.tree.body:
        body.visit(statement)
    return body.stays


def journey() -> list[str]:
    """All stays; consecutive ones in one file count as one."""
    name = ".".join(PAGE)
    stays = [*START, PAGE[0], *walk(FUNCTIONS[name], {name})]
    return [module for module, _ in groupby(stays)]


def _report() -> Iterator[str]:
    stays = journey()
    visited: set[str] = set()
    for number, module in enumerate(stays, 1):
        yield f"{number:3} {module}{' (again)' if module in visited else ''}"
        visited.add(module)
    yield f"{len(stays)} stays, {len(visited)} files, {len(stays) - len(visited)} returns"


if __name__ == "__main__":
    print("\n".join(_report()))
