# search
async def main():
    """Find every property name below one schema, without recursion."""
    stack = [spec["paths"]]
    names, visited = set(), set()
    while stack:
        node = stack.pop()
        if id(node) in visited:
            continue
        visited.add(id(node))
        if isinstance(node, dict):
            if isinstance(node.get("properties"), dict):
                names.update(node["properties"].keys())
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
        if len(names) > 200:
            break
    else:
        print("walked all")
    return sorted(names)[:50]
