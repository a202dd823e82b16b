"""What the code may contain: RestrictedPython's rules, opened for the Python that models write.

The policy is for clear errors; the security is WebAssembly's. Code that cannot work here, or that
reaches into the interpreter, becomes an error with a line before anything runs. The policy is not
complete: `getattr(x, "__" + "dict__")` passes it, and finds an interpreter that holds no secrets.

RestrictedPython's transformer decides which nodes exist: a kind of node that it has no visitor
for, and that is not in `OPENED`, is refused. Nothing is rewritten, so its visitors that only
descend are replaced by one loop, which is several times cheaper than a visitor for each node; its
checks of names, arguments, imports and attributes are called from there.

    dunder names and attributes   refused, but for those in `identifiers`
    `_name`, `self._name`         allowed
    exec, eval, compile, open …   refused (`BUILTINS`), unless the code defines the name itself
    imports                       `modules.ALLOWED_MODULES`; no `*`, nothing relative
    frames, code objects          refused, RestrictedPython's INSPECT_ATTRIBUTES
    time.sleep                    refused with what to write instead
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from RestrictedPython.transformer import INSPECT_ATTRIBUTES, RestrictingNodeTransformer

from guest import modules
from guest.identifiers import ALWAYS_REFUSED, BUILTINS, DUNDER_HINTS, DUNDERS, is_dunder, words
from guest.modules import ALLOWED_MODULES
from guest.rejection import Rejected, chars_before, line_of, locate

__all__ = ["ALLOWED_MODULES", "Policy", "Rejected", "check"]

SHOWN_FINDINGS = 5

# What RestrictedPython refuses or does not know, and the language here has.
OPENED = (
    *("AsyncFunctionDef", "AsyncFor", "AsyncWith", "Await", "Nonlocal", "TryStar", "AnnAssign"),
    *("Match", "match_case", "MatchValue", "MatchSingleton", "MatchSequence", "MatchMapping"),
    *("MatchClass", "MatchStar", "MatchAs", "MatchOr"),
    *("TypeAlias", "TypeVar", "ParamSpec", "TypeVarTuple"),
)

# Fields that hold no nodes, or only operators and contexts, which the grammar closes by itself;
# a kind in front where the same field holds nodes in another kind.
LEAVES = words("""
    attr asname conversion ctx id is_async kind kwd_attrs level module op ops rest simple str tag
    type_comment type_ignores arg.arg keyword.arg FunctionDef.name AsyncFunctionDef.name
    ClassDef.name ExceptHandler.name Global.names Nonlocal.names Constant.value alias.name
    MatchAs.name MatchStar.name MatchSingleton.value TypeVar.name ParamSpec.name TypeVarTuple.name
""")

LOOP_STARTS = frozenset(("run", "run_until_complete"))


class Policy(RestrictingNodeTransformer):
    """One reading of a tree; what it finds is kept, nothing is changed.

    Args:
        namespaces: names of the host namespaces in scope, for hints.

    After `read`, `findings` holds (line, column in bytes, message), `loop_starts` each
    `asyncio.run` or `….run_until_complete`, and `global_names` what `global` statements name.
    """

    def __init__(self, namespaces: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.findings: list[tuple[int, int, str]] = []
        self.loop_starts: list[ast.Attribute] = []
        self.global_names: set[str] = set()
        self.lists_modules = False
        self._namespaces = namespaces
        self._names: set[str] = set()
        self._attributes: set[str] = set()
        self._builtins: list[ast.Name] = []
        self._excused: set[ast.AST] = set()

    def read(self, tree: ast.AST) -> None:
        """Apply every rule to every node; a loop, so that depth costs no stack."""
        names, attributes = self._names, self._attributes
        # Any, because `kind is ast.Name` is several times faster than isinstance.
        stack: list[Any] = [tree]
        pop, push = stack.pop, stack.append
        while stack:
            node = pop()
            kind = node.__class__
            # Three of four nodes are one of these; their identifiers are judged once each.
            if kind is ast.Name:
                if node.id not in names:
                    self.visit_Name(node)
            elif kind is ast.Attribute:
                if node.attr not in attributes:
                    self.visit_Attribute(node)
                push(node.value)
            elif kind is not ast.Constant:
                rule, fields = TABLE.get(kind, UNKNOWN)
                if rule is not None:
                    rule(self, node)
                for field in fields:
                    child = getattr(node, field)
                    if child.__class__ is list:
                        stack += child
                    elif child is not None:
                        push(child)
        if self._builtins:
            self._judge_builtins(tree)

    def error(self, node: ast.AST, info: str) -> None:
        """Keep one finding with its place (the base class keeps only the line)."""
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        if isinstance(node, ast.Attribute) and node.end_lineno and node.end_col_offset:
            # The place of `.attr`, which may be lines below the start of a chain of calls.
            line, column = node.end_lineno, node.end_col_offset - len(node.attr.encode())
        self.findings.append((line, column, info))

    def check_name(
        self, node: ast.AST, name: str | None, allow_magic_methods: bool = False
    ) -> None:
        """Refuse dunder names, as the base class does, but for the usual ones."""
        if name is not None and is_dunder(name) and name not in DUNDERS:
            hint = DUNDER_HINTS.get(name, "it belongs to the interpreter")
            self.error(node, f"`{name}` cannot be used: {hint}")

    def visit_Name(self, node: ast.Name) -> None:  # noqa: N802
        """Judge a name."""
        if node.id.startswith("__"):
            self.check_name(node, node.id)
        elif node.id not in BUILTINS:
            self._names.add(node.id)
        elif isinstance(node.ctx, ast.Load):
            self._builtins.append(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:  # noqa: N802
        """Judge an attribute and what it is taken from."""
        attr, owner = node.attr, node.value
        if attr in LOOP_STARTS:
            if attr != "run" or (isinstance(owner, ast.Name) and owner.id == "asyncio"):
                self.loop_starts.append(node)
        elif attr == "sleep":
            if isinstance(owner, ast.Name) and owner.id == "time":
                self.error(node, modules.MEMBERS["time", "sleep"])
        elif attr in INSPECT_ATTRIBUTES:
            self.error(node, f"`.{attr}` cannot be used: it belongs to the interpreter")
        elif not is_dunder(attr):
            self._attributes.add(attr)
        elif node not in self._excused:
            if attr in ("__name__", "__qualname__") and isinstance(owner, ast.Attribute):
                # e.__class__.__name__ is the same harmless string as type(e).__name__.
                self._excused.update({owner} if owner.attr == "__class__" else ())
            self.check_name(node, attr)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:  # noqa: N802
        """Judge the names of a function and its parameters, also of an asynchronous one."""
        self.check_name(node, node.name, allow_magic_methods=True)
        self.check_function_argument_names(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:  # noqa: N802
        """Judge the parameters of a lambda."""
        self.check_function_argument_names(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:  # noqa: N802
        """Judge the name of a class."""
        self.check_name(node, node.name)

    def visit_Global(self, node: ast.Global) -> None:  # noqa: N802
        """Judge and keep the names of a `global` statement."""
        for name in node.names:
            self.check_name(node, name)
        self.global_names.update(node.names)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:  # noqa: N802
        """Judge the name that a handler binds."""
        self.check_name(node, node.name)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:  # noqa: N802
        """Judge the name that a pattern binds."""
        self.check_name(node, node.name)

    visit_MatchStar = visit_MatchAs  # noqa: N815

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:  # noqa: N802
        """Judge the name that takes the rest of a mapping."""
        self.check_name(node, node.rest)

    def visit_MatchClass(self, node: ast.MatchClass) -> None:  # noqa: N802
        """Judge the attributes that a class pattern reads."""
        for attr in node.kwd_attrs:
            self.check_name(node, attr)

    def visit_Import(self, node: ast.Import) -> None:  # noqa: N802
        """Judge the modules of an `import`."""
        self.check_import_names(node)
        for alias in node.names:
            if not modules.is_allowed(alias.name):
                self._refuse_module(node, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:  # noqa: N802
        """Judge the module and the members of a `from … import`."""
        module = node.module or ""
        if node.level:
            self.error(node, "there is no package to import from; import by absolute names")
        elif module == "__future__":
            return
        elif any(alias.name == "*" for alias in node.names):
            self.error(node, f"`import *` is not allowed: name what you need from `{module}`")
        else:
            self.check_import_names(node)
            for alias in node.names:
                if not modules.is_member_allowed(module, alias.name):
                    whole = module in modules.PACKAGES
                    self._refuse_module(node, f"{module}.{alias.name}" if whole else module)
                    break
                if hint := modules.MEMBERS.get((module, alias.name)):
                    self.error(node, hint)

    def _refuse_module(self, node: ast.AST, module: str) -> None:
        hint = modules.hint(module, self._namespaces)
        self.error(node, f"`{module}` cannot be imported" + (f": {hint}" if hint else ""))
        self.lists_modules = self.lists_modules or not hint.startswith("`")

    def _judge_builtins(self, tree: ast.AST) -> None:
        own = {name for node in ast.walk(tree) for name in _bound_names(node)} - ALWAYS_REFUSED
        for node in self._builtins:
            if node.id not in own:
                self.error(node, f"`{node.id}` is not available: {BUILTINS[node.id]}")


def check(tree: ast.Module, source: str, namespaces: tuple[str, ...] = ()) -> Policy:
    """Check a parsed program and return the reading of it.

    Args:
        tree: as `ast.parse` gives it.
        source: the text it was parsed from, for messages.
        namespaces: names of the host namespaces in scope, for hints.

    Raises:
        Rejected: with line, column and text of the first findings.
    """
    policy = Policy(namespaces)
    policy.read(tree)
    if not policy.findings:
        return policy
    findings = sorted(set(policy.findings))
    parts = [
        locate(source, line, chars_before(line_of(source, line), column), message)
        for line, column, message in findings[:SHOWN_FINDINGS]
    ]
    if len(findings) > SHOWN_FINDINGS:
        parts.append(f"and {len(findings) - SHOWN_FINDINGS} more")
    if policy.lists_modules:
        parts.append(f"Modules that can be imported: {modules.LISTED}")
    raise Rejected("\n".join(parts), "policy")


def _bound_names(node: ast.AST) -> tuple[str | None, ...]:
    match node:
        case ast.Name(ctx=ast.Store()):
            return (node.id,)
        case ast.arg():
            return (node.arg,)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.ExceptHandler():
            return (node.name,)
        case ast.alias():
            return (node.asname or node.name,)
        case _:
            return ()


Rule = Callable[[Policy, ast.AST], object]


def _tabulate() -> Mapping[type, tuple[Rule | None, tuple[str, ...]]]:
    """Return for each kind of node that may appear its rule, if any, and its fields with nodes."""
    # Lists hold None where `**mapping` has no key and a keyword-only parameter no default.
    table: dict[type, tuple[Rule | None, tuple[str, ...]]] = {type(None): (None, ())}
    for kind in vars(ast).values():
        if not (isinstance(kind, type) and issubclass(kind, ast.AST)):
            continue
        visitor = f"visit_{kind.__name__}"
        if kind.__name__ in OPENED or hasattr(RestrictingNodeTransformer, visitor):
            fields = tuple(
                field
                for field in kind._fields
                if field not in LEAVES and f"{kind.__name__}.{field}" not in LEAVES
            )
            table[kind] = (vars(Policy).get(visitor), fields)
    return table


TABLE = _tabulate()
# An unknown kind of node: the base class's `generic_visit` refuses it.
UNKNOWN: tuple[Rule, tuple[str, ...]] = (RestrictingNodeTransformer.generic_visit, ())
