# search
from collections import Counter

async def count_tags():
    tags = Counter(
        tag
        for methods in spec["paths"].values()
        for op in methods.values()
        if isinstance(op, dict)
        for tag in op.get("tags", [])
    )
    return tags.most_common(20)
