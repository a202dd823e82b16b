# execute
import secrets
import string
import uuid

async def main():
    name = f"svc-{uuid.uuid4().hex[:8]}"
    password = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(24))
    res = await cloudflare.request("POST", f"/accounts/{account_id}/access/service_tokens", body={"name": name})
    return {"ok": res["success"], "length": len(password), "prefix": name[:4]}
