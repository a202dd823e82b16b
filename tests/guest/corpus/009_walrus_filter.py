# search
import re

async def main():
    found = []
    for path in spec["paths"]:
        if (m := re.search(r"/accounts/\{[^}]+\}/([^/]+)", path)) and (product := m.group(1)) not in found:
            found.append(product)
    return found
