# search
from functools import partial, reduce, lru_cache
import operator

@lru_cache(maxsize=None)
def depth(path: str) -> int:
    return path.count("/")

def matches(term, path):
    return term in path

async def main():
    is_access = partial(matches, "/access/")
    depths = [depth(p) for p in filter(is_access, spec["paths"])]
    return {"n": len(depths), "sum": reduce(operator.add, depths, 0), "max": max(depths, default=0)}
