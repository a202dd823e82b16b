# search
I'll look for the KV endpoints first.

```python
import re

pattern = re.compile(r"storage/kv/namespaces", re.I)

async def main():
    return [p for p in spec["paths"] if pattern.search(p)]
```

This returns the paths that I need.
