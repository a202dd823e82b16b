"""Simulated Workers and their routes."""

from __future__ import annotations

import json

from simulator_client import Api


def test_a_worker_is_uploaded_read_and_deleted(api: Api) -> None:
    base = f"{api.account}/workers/scripts"
    assert len(api.result("GET", base)) == 3
    module = "export default { fetch() {} };"
    metadata = {"main_module": "main.js", "bindings": [{"type": "plain_text", "name": "A"}]}
    files = {
        "metadata": (None, json.dumps(metadata), "application/json"),
        "main.js": ("main.js", module, "application/javascript+module"),
    }
    assert api.result("PUT", f"{base}/new-one", files=files)["id"] == "new-one"
    assert api.send("GET", f"{base}/new-one").text == module
    assert api.result("GET", f"{base}/new-one/settings")["bindings"] == metadata["bindings"]
    headers = {"Content-Type": "application/javascript"}
    api.result("PUT", f"{base}/new-one", content=b"addEventListener()", headers=headers)
    assert api.send("GET", f"{base}/new-one/content/v2").text == "addEventListener()"
    assert api.result("DELETE", f"{base}/new-one") is None
    assert api.refusal("GET", f"{base}/new-one") == (404, 10007)


def test_a_worker_upload_without_its_main_module_is_refused(api: Api) -> None:
    path = f"{api.account}/workers/scripts/new-one"
    files = {"metadata": (None, '{"main_module":"main.js"}'), "other.js": ("other.js", "1")}
    assert api.refusal("PUT", path, files=files) == (400, 10021)
    files["metadata"] = (None, "[]")
    assert api.refusal("PUT", path, files=files) == (400, 10050)
    headers = {"Content-Type": "multipart/form-data"}
    assert api.refusal("PUT", path, content=b"x", headers=headers)[0] == 400


def test_worker_routes_are_made_for_hosts_of_the_zone(api: Api) -> None:
    base = f"{api.zone()}/workers/routes"
    assert len(api.result("GET", base)) == 2
    sent = {"pattern": "*.example.com/new/*", "script": "api-gateway"}
    made = api.result("POST", base, json=sent)
    assert api.refusal("POST", base, json=sent) == (409, 10020)
    assert api.refusal("POST", base, json=sent | {"pattern": "other.test/*"}) == (400, 10022)
    assert api.refusal("POST", base, json={"pattern": "example.com/x", "script": []})[0] == 404
    path = f"{base}/{made['id']}"
    assert api.result("PUT", path, json=sent | {"script": None})["script"] is None
    assert api.result("GET", path)["script"] is None
    assert api.result("DELETE", path) == {"id": made["id"]}
    assert api.refusal("GET", path)[0] == 404
