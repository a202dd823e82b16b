# search
```python
async def search():
    return {p: list(m) for p, m in spec["paths"].items() if p.startswith("/accounts/{account_id}/r2")}
```
