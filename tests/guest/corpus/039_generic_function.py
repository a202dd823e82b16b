# search
def first[T](items: list[T], default: T | None = None) -> T | None:
    return items[0] if items else default

type Path = str

async def main():
    paths: list[Path] = [p for p in spec["paths"] if "pages/projects" in p]
    return first(paths)
