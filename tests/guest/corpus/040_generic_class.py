# search
class Index[K, V]:
    def __init__(self) -> None:
        self._items: dict[K, list[V]] = {}

    def add(self, key: K, value: V) -> None:
        self._items.setdefault(key, []).append(value)

    def __getitem__(self, key: K) -> list[V]:
        return self._items[key]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self):
        return iter(self._items)

    def __contains__(self, key: object) -> bool:
        return key in self._items

async def main():
    index = Index[str, str]()
    for path, ops in spec["paths"].items():
        for method in ops:
            index.add(method, path)
    return {method: len(index[method]) for method in index}
