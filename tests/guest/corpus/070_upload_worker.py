# execute
import json

SCRIPT = '''
export default {
  async fetch(request, env) {
    return new Response(`hello ${env.NAME ?? "world"}`);
  },
};
'''

async def main():
    metadata = {"main_module": "worker.js", "compatibility_date": "2025-01-01", "bindings": [{"type": "plain_text", "name": "NAME", "text": "x"}]}
    res = await cloudflare.request(
        "PUT",
        f"/accounts/{account_id}/workers/scripts/hello",
        files={
            "metadata": (None, json.dumps(metadata), "application/json"),
            "worker.js": ("worker.js", SCRIPT, "application/javascript+module"),
        },
    )
    return res["success"]
