"""The part of GraphQL that analytics queries use: one query, without fragments or directives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from graphql import (  # noqa: TID251 - an owner of this dependency
    DocumentNode,
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    Visitor,
    parse,
    value_from_ast_untyped,
    visit,
)

MAX_TOKENS = 10_000


class QueryError(Exception):
    """A query that cannot be answered at all.

    Args:
        message: what is wrong.
        path: the keys from the root of the answer to the field at fault.
    """

    def __init__(self, message: str, path: list[str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path


@dataclass
class Field:
    """One field of a selection; `key` is its alias, or its name."""

    name: str
    key: str
    arguments: dict[str, Any] = field(default_factory=dict)
    selections: list[Field] = field(default_factory=list)


def read_query(text: str, variables: dict[str, Any]) -> list[Field]:
    """Return the fields at the root of a query.

    Args:
        text: the GraphQL document.
        variables: values for `$names`; the query's defaults fill in the rest.

    Raises:
        QueryError: a syntax error, a mutation, a fragment, a variable without a value.
    """
    try:
        operation = _only_query(parse(text, no_location=True, max_tokens=MAX_TOKENS))
        defaults = {
            definition.variable.name.value: value_from_ast_untyped(definition.default_value)
            for definition in operation.variable_definitions or ()
            if definition.default_value
        }
        return _read_selections(operation.selection_set, defaults | variables)
    except GraphQLError as error:
        raise QueryError(error.message) from None
    except RecursionError:
        # The parser calls itself for every level, so Python's own limit is what stops it.
        raise QueryError("query is nested too deep") from None
    except ValueError:
        # Python refuses to read an integer of more than 4,300 digits.
        raise QueryError("error parsing args: a number is too long") from None


def _only_query(document: DocumentNode) -> OperationDefinitionNode:
    operation, *others = document.definitions
    if others or not isinstance(operation, OperationDefinitionNode):
        raise QueryError("only one operation is supported, and no fragments")
    if operation.operation is not OperationType.QUERY:
        raise QueryError(f"'{operation.operation.value}' is not supported, only queries are")
    if operation.directives:
        raise QueryError("fragments and directives are not supported")
    return operation


def _read_selections(selections: SelectionSetNode | None, variables: dict[str, Any]) -> list[Field]:
    return [_read_field(node, variables) for node in selections.selections] if selections else []


def _read_field(node: object, variables: dict[str, Any]) -> Field:
    if not isinstance(node, FieldNode) or node.directives:
        raise QueryError("fragments and directives are not supported")
    name = node.name.value
    arguments = {}
    for argument in node.arguments or ():
        visit(argument.value, _VariableCheck(variables))
        arguments[argument.name.value] = value_from_ast_untyped(argument.value, variables)
    return Field(
        name,
        key=node.alias.value if node.alias else name,
        arguments=arguments,
        selections=_read_selections(node.selection_set, variables),
    )


class _VariableCheck(Visitor):
    """Refuses a variable without a value, which graphql-core would read as an absent argument."""

    def __init__(self, variables: dict[str, Any]) -> None:
        super().__init__()
        self.variables = variables

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        """Look at one variable.

        Raises:
            QueryError: it has no value.
        """
        if node.name.value not in self.variables:
            raise QueryError(f"variable ${node.name.value} has no value")
