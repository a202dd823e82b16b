# search
class SpecSearcher:
    """Small search engine over the spec."""

    METHODS = ("get", "post", "put", "patch", "delete")

    def __init__(self, spec, *, limit=10):
        self.spec = spec
        self.limit = limit
        self.__calls = 0

    def __repr__(self):
        return f"{self.__class__.__name__}(limit={self.limit})"

    @staticmethod
    def normalise(text):
        return (text or "").casefold().strip()

    @classmethod
    def default(cls):
        return cls(spec, limit=5)

    def find(self, *terms):
        self.__calls += 1
        for path, ops in self.spec["paths"].items():
            for method in self.METHODS:
                if method in ops and all(t in self.normalise(ops[method].get("summary")) for t in terms):
                    yield method, path

    @property
    def calls(self):
        return self.__calls

async def main():
    searcher = SpecSearcher.default()
    print(searcher)
    result = [*searcher.find("list")][: searcher.limit]
    return {"result": result, "calls": searcher.calls}
