"""A small API with ten operations, for what code mode costs where it is hardly needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def body(name: str) -> dict[str, Any]:
    return {"required": True, **content(ref("schemas", name))}


def one(name: str) -> dict[str, Any]:
    return {"description": f"The {name.lower()}.", **content(ref("schemas", name))}


def many(name: str) -> dict[str, Any]:
    schema = {"type": "array", "items": ref("schemas", name)}
    return {"description": f"A page of {name.lower()}s.", **content(schema)}


def parameter(
    name: str, description: str, kind: str = "string", *, place: str = "query"
) -> dict[str, Any]:
    required = {"required": True} if place == "path" else {}
    about = {"description": description, "schema": {"type": kind}}
    return {"name": name, "in": place, **required, **about}


def operation(
    name: str,
    summary: str,
    tag: str,
    answer: str,
    parameters: Sequence[str] = (),
    request: str | None = None,
) -> dict[str, Any]:
    """Return an operation; answer, parameters and request are names of components."""
    made: dict[str, Any] = {"operationId": name, "summary": summary, "tags": [tag]}
    if parameters:
        made["parameters"] = [ref("parameters", parameter) for parameter in parameters]
    if request:
        made["requestBody"] = ref("requestBodies", request)
    return made | {"responses": {"204" if answer == "Gone" else "200": ref("responses", answer)}}


PAGING = ("Page", "PerPage")

DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Bookshop", "version": "1.0.0", "description": "Books and their orders."},
    "servers": [{"url": "https://bookshop.example/v1"}],
    "tags": [
        {"name": "books", "description": "What the shop sells."},
        {"name": "orders", "description": "What customers bought."},
    ],
    "paths": {
        "/books": {
            "get": operation(
                "list_books", "List books", "books", "Books", ["Author", "MaxPrice", *PAGING]
            ),
            "post": operation("add_book", "Add a book", "books", "Book", request="NewBook"),
        },
        "/books/{book_id}": {
            "get": operation("get_book", "Get a book", "books", "Book", ["BookId"]),
            "patch": operation(
                "edit_book",
                "Change the price or stock of a book",
                "books",
                "Book",
                ["BookId"],
                "BookChange",
            ),
            "delete": operation(
                "remove_book", "Take a book out of the shop", "books", "Gone", ["BookId"]
            ),
        },
        "/books/{book_id}/reviews": {
            "get": operation(
                "list_reviews",
                "List the reviews of a book",
                "books",
                "Reviews",
                ["BookId", *PAGING],
            ),
        },
        "/orders": {
            "get": operation("list_orders", "List orders", "orders", "Orders", ["Status", *PAGING]),
            "post": operation(
                "place_order", "Place an order", "orders", "Order", request="NewOrder"
            ),
        },
        "/orders/{order_id}": {
            "get": operation("get_order", "Get an order", "orders", "Order", ["OrderId"]),
            "delete": operation(
                "cancel_order",
                "Cancel an order that was not sent yet",
                "orders",
                "Gone",
                ["OrderId"],
            ),
        },
    },
    "components": {
        "parameters": {
            "Author": parameter("author", "Only books of this author."),
            "MaxPrice": parameter("max_price", "Only books that cost at most so much.", "number"),
            "Status": parameter("status", "Only orders with this status."),
            "Page": parameter("page", "Number of the page, from 1.", "integer"),
            "PerPage": parameter("per_page", "Items on a page, at most 100.", "integer"),
            "BookId": parameter("book_id", "The book.", place="path"),
            "OrderId": parameter("order_id", "The order.", place="path"),
        },
        "requestBodies": {name: body(name) for name in ("NewBook", "BookChange", "NewOrder")},
        "responses": {
            **{name: one(name) for name in ("Book", "Order")},
            **{f"{name}s": many(name) for name in ("Book", "Review", "Order")},
            "Gone": {"description": "It is gone."},
        },
        "schemas": {
            "NewBook": {
                "type": "object",
                "required": ["title", "author", "price"],
                "properties": {
                    "title": {"type": "string"},
                    "author": {"type": "string"},
                    "price": {"type": "number", "description": "In euros."},
                    "stock": {"type": "integer", "description": "How many are there."},
                },
            },
            "Book": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "title": {"type": "string"},
                    "author": {"type": "string"},
                    "price": {"type": "number", "description": "In euros."},
                    "stock": {"type": "integer", "description": "How many are there."},
                },
            },
            "BookChange": {
                "type": "object",
                "properties": {
                    "price": {"type": "number", "description": "In euros."},
                    "stock": {"type": "integer", "description": "How many are there."},
                },
            },
            "Review": {
                "type": "object",
                "properties": {
                    "stars": {"type": "integer", "minimum": 1, "maximum": 5},
                    "text": {"type": "string"},
                },
            },
            "NewOrder": {
                "type": "object",
                "required": ["email", "items"],
                "properties": {
                    "email": {"type": "string", "description": "Of the customer."},
                    "items": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["book_id"],
                            "properties": {
                                "book_id": {"type": "string"},
                                "count": {"type": "integer", "default": 1},
                            },
                        },
                    },
                },
            },
            "Order": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "email": {"type": "string"},
                    "status": {"type": "string", "enum": ["new", "paid", "sent", "cancelled"]},
                    "total": {"type": "number", "description": "In euros."},
                },
            },
        },
    },
}
