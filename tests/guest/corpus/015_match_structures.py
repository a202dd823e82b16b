# search
async def main():
    kinds = []
    for path, ops in list(spec["paths"].items())[:50]:
        for op in ops.values():
            match op:
                case {"deprecated": True, "operationId": str(name)}:
                    kinds.append(("deprecated", name))
                case {"requestBody": {"content": {"multipart/form-data": _}}, **rest} if "tags" in rest:
                    kinds.append(("upload", path))
                case {"tags": [first, *_]}:
                    kinds.append(("tagged", first))
    return kinds[:20]
