"""Reports progress and asks questions; holds one call open until another one asks."""

import json

from lines import receive, say, send, serve, tool

SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}}
held = []


def call(message, name):
    meta = message["params"].get("_meta", {})
    for step in (1,) if name == "hold" else (1, 2, 3):
        told = {"progressToken": meta.get("progressToken"), "progress": step, "total": 3}
        told["message"] = f"step {step}"
        send({"jsonrpc": "2.0", "method": "notifications/progress", "params": told})
    if name == "hold":
        held.append(message)
        return
    params = {"message": "How old are you?", "requestedSchema": SCHEMA}
    if name == "ask_url":
        params = {"mode": "url", "message": "Go there", "url": "https://x", "elicitationId": "1"}
    send({"jsonrpc": "2.0", "id": "q1", "method": "elicitation/create", "params": params})
    reply = receive()
    while reply.get("id") != "q1":
        reply = receive()
    said = reply.get("result", reply.get("error"))
    say(message, json.dumps(said), is_error=said.get("action") != "accept")
    while held:
        say(held.pop(), "let go")


serve([tool("ask"), tool("ask_url"), tool("hold")], call)
