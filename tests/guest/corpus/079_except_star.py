# execute
import asyncio

async def check(zone_id):
    if zone_id.startswith("bad"):
        raise ValueError(f"bad zone {zone_id}")
    return (await cloudflare.request("GET", f"/zones/{zone_id}"))["success"]

async def main():
    problems = []
    try:
        async with asyncio.TaskGroup() as tg:
            tasks = [tg.create_task(check(z)) for z in ("good", "bad1", "bad2")]
    except* ValueError as group:
        problems.extend(str(e) for e in group.exceptions)
    except* CloudflareError as group:
        problems.append(f"{len(group.exceptions)} API errors")
    return sorted(problems)
