# search
async def main():
    try:
        op = spec["paths"]["/zones/{zone_id}/does_not_exist"]["get"]
    except KeyError as e:
        close = [p for p in spec["paths"] if "zone" in p][:3]
        return {"error": f"{type(e).__name__}: {e}", "similar": close}
    else:
        return op
    finally:
        print("lookup done")
