"""A small OpenAPI document of the tests' own: no server, a schema used twice, one inside itself."""

from __future__ import annotations

SMALL: dict[str, object] = {
    "openapi": "3.1.0",
    "info": {"title": "Items", "version": "1"},
    "paths": {
        "/items": {
            "get": {
                "operationId": "listItems",
                "summary": "List items",
                "tags": ["items"],
                "parameters": [{"name": "page", "in": "query", "schema": {"type": "integer"}}],
                "responses": {
                    "200": {
                        "description": "The items",
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "array",
                                    "items": {"$ref": "#/components/schemas/Item"},
                                }
                            }
                        },
                    }
                },
            }
        },
        "/items/{item_id}": {
            "delete": {
                "operationId": "deleteItem",
                "parameters": [
                    {"name": "item_id", "in": "path", "required": True, "schema": {}},
                ],
                "responses": {"204": {"description": "Gone"}},
            }
        },
    },
    "components": {
        "schemas": {
            "Amount": {"type": "number", "minimum": 0},
            "Item": {
                "type": "object",
                "properties": {
                    "size": {"$ref": "#/components/schemas/Amount"},
                    "weight": {"$ref": "#/components/schemas/Amount"},
                    "children": {
                        "type": "array",
                        "items": {"$ref": "#/components/schemas/Item"},
                    },
                },
            },
        }
    },
}
