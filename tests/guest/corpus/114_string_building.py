# execute
from string import Template
from textwrap import dedent, indent

async def main():
    zone = (await cloudflare.request("GET", "/zones"))["result"][0]
    text = dedent(
        """\
        Zone: $name
        Id:   $id
        """
    )
    body = Template(text).substitute(name=zone["name"], id=zone["id"])
    return indent(body, "> ", lambda line: not line.isspace())
