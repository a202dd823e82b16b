# search
from __future__ import annotations
import textwrap

async def main() -> dict:
    lines = []
    for path, ops in spec["paths"].items():
        for method, op in ops.items():
            if op.get("deprecated", False) is True:
                lines.append(textwrap.shorten(f"{method} {path}: {op.get('description') or ''}", width=100))
    return {"count": len(lines), "lines": lines}
