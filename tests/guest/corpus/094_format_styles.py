# execute
async def main():
    zones = (await cloudflare.request("GET", "/zones"))["result"]
    lines = []
    for i, z in enumerate(zones, start=1):
        lines.append("%d. %-20s %s" % (i, z["name"], z["id"]))
        lines.append("{:>3} {name:^24}|{id!r}".format(i, name=z["name"], id=z["id"]))
        width = 12
        lines.append(f"{z['name']:{width}.{width}} {1234567.891:,.2f} {0.256:.1%} {255:#06x} {i=}")
    return "\n".join(lines)
