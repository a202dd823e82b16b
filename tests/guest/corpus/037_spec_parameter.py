# search
async def run(spec):
    return {"title": spec["info"]["title"], "paths": len(spec["paths"])}
