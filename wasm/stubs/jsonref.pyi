"""The part of jsonref that the guest uses; the package has no types of its own."""

from typing import Any

class JsonRefError(Exception): ...

class JsonRef:
    __reference__: dict[str, Any]
    __subject__: Any

def replace_refs(obj: Any, **options: Any) -> Any: ...
