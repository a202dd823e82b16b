"""The first contents of the simulated accounts, computed from names and indexes only.

Every run has the same ids, so tests and benchmark tasks can name them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

SEEDED_ON = "2025-06-01T08:00:00.000000Z"

# Domains that are reserved for examples; further zones are numbered.
ZONE_NAMES = ("example.com", "example.net", "example.org")
STATUSES = ("active", "active", "pending", "active", "active", "active", "moved", "active")
PLANS = ("Enterprise Website", "Pro Website", "Free Website", "Business Website", "Free Website")

# The zone with this index has more records than the default page of 100 shows.
LARGE_ZONE = 0
LARGE_ZONE_HOSTS = 124

# Every zone setting that the simulator knows, with its possible values; the first is the default.
SETTINGS: dict[str, tuple[Any, ...]] = {
    "always_online": ("on", "off"),
    "always_use_https": ("off", "on"),
    "automatic_https_rewrites": ("on", "off"),
    "brotli": ("on", "off"),
    "browser_cache_ttl": (14400, 0, 30, 3600, 7200, 28800, 86400, 604800, 31536000),
    "cache_level": ("aggressive", "basic", "simplified"),
    "development_mode": ("off", "on"),
    "http3": ("on", "off"),
    "ipv6": ("on", "off"),
    "min_tls_version": ("1.0", "1.1", "1.2", "1.3"),
    "security_level": ("medium", "off", "essentially_off", "low", "high", "under_attack"),
    "ssl": ("full", "off", "flexible", "strict"),
    "tls_1_3": ("on", "off", "zrt"),
    "websockets": ("on", "off"),
}
# These differ between zones, so that a search for weak settings finds some of them, not all.
MIXED_SETTINGS = ("always_use_https", "min_tls_version", "ssl")

# The real ids of Cloudflare's two best known managed rulesets.
MANAGED_RULESETS = {
    "efb7b8c949ac4650a09736fc376e9aee": "Cloudflare Managed Ruleset",
    "4814384a9e5d4991b9815dcfc25d2f1f": "Cloudflare OWASP Core Ruleset",
}
MANAGED_RULES = (
    ("SQL injection in the query string", "sqli"),
    ("Script injection in a form field", "xss"),
    ("Path traversal", "directory-traversal"),
    ("Remote file inclusion", "rfi"),
    ("Log4j remote code execution", "cve-2021-44228"),
    ("Anomalous header", "anomaly"),
)
BLOCK_EXPRESSIONS = (
    ("block", "ip.src in {203.0.113.0/24}", "Block a noisy network"),
    ("managed_challenge", 'http.request.uri.path contains "/login"', "Challenge the login page"),
    ("log", 'http.user_agent contains "bot"', "Log bots"),
)


def identifier(*parts: object) -> str:
    """Return 32 hex digits that depend only on `parts`."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:32]


def pick(values: tuple[Any, ...], *parts: object) -> Any:
    """Return one of `values`, chosen by `parts`."""
    return values[int(identifier(*parts)[:8], 16) % len(values)]


def accounts() -> list[Json]:
    """Return the two accounts."""
    return [
        {
            "id": identifier("account", name),
            "name": name,
            "type": "standard",
            "settings": {"enforce_twofactor": False, "default_nameservers": "cloudflare.standard"},
            "created_on": SEEDED_ON,
        }
        for name in ("Example Account", "Second Account")
    ]


def zone(account: Json, index: int, name: str | None = None) -> Json:
    """Return a zone of an account in the API's form."""
    if name is None:
        name = ZONE_NAMES[index] if index < len(ZONE_NAMES) else f"zone-{index:03}.example"
    status = STATUSES[index % len(STATUSES)]
    return {
        "id": identifier("zone", name),
        "name": name,
        "status": status,
        "paused": False,
        "type": "full",
        "development_mode": 0,
        "name_servers": ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"],
        "original_name_servers": [f"ns1.registrar-of-{name}", f"ns2.registrar-of-{name}"],
        "original_registrar": None,
        "original_dnshost": None,
        "modified_on": SEEDED_ON,
        "created_on": SEEDED_ON,
        "activated_on": SEEDED_ON if status == "active" else None,
        "meta": {"step": 4 if status == "active" else 2, "phishing_detected": False},
        "owner": {"id": None, "type": "user", "email": None},
        "account": {"id": account["id"], "name": account["name"]},
        "permissions": ["#dns_records:read", "#dns_records:edit", "#zone:read", "#zone:edit"],
        "plan": {"id": identifier("plan", PLANS[index % 5]), "name": PLANS[index % len(PLANS)]},
    }


def setting(name: str, value: Any) -> Json:
    """Return one setting of a zone that nobody has changed yet."""
    return {"id": name, "value": value, "modified_on": None, "editable": True}


def zone_settings(zone_name: str) -> dict[str, Json]:
    """Return the settings of a zone, by id."""
    return {
        name: setting(name, pick(values, zone_name, name) if name in MIXED_SETTINGS else values[0])
        for name, values in SETTINGS.items()
    }


def dns_record(zone: Json, kind: str, name: str, content: str, **more: Any) -> Json:
    """Return one DNS record of a zone in the API's form."""
    proxiable = kind in ("A", "AAAA", "CNAME")
    record = {
        "id": identifier("dns", zone["name"], kind, name, content),
        "zone_id": zone["id"],
        "zone_name": zone["name"],
        "name": name,
        "type": kind,
        "content": content,
        "proxiable": proxiable,
        "proxied": False,
        "ttl": 1,
        "meta": {"auto_added": False, "source": "primary"},
        "comment": None,
        "tags": [],
        "created_on": SEEDED_ON,
        "modified_on": SEEDED_ON,
    }
    return record | more


def dns_records(zone: Json, index: int) -> dict[str, Json]:
    """Return the records of a zone, by id: about a dozen, in the large zone over 130."""
    name = zone["name"]
    network = index % 256
    records = [
        dns_record(zone, "A", name, f"192.0.2.{network}", proxied=True),
        dns_record(zone, "AAAA", name, f"2001:db8::{network:x}", proxied=True),
        dns_record(zone, "CNAME", f"www.{name}", name, proxied=index % 2 == 0),
        dns_record(zone, "CNAME", f"blog.{name}", "blog.hosting.example", ttl=3600),
        dns_record(zone, "A", f"api.{name}", f"198.51.100.{network}", proxied=index % 3 == 0),
        dns_record(zone, "A", f"mail.{name}", f"203.0.113.{network}", comment="mail server"),
        dns_record(zone, "MX", name, f"mail.{name}", priority=10, ttl=3600),
        dns_record(zone, "MX", name, "backup-mx.example", priority=20, ttl=3600),
        dns_record(zone, "TXT", name, "v=spf1 mx -all", ttl=3600),
        dns_record(zone, "TXT", f"_dmarc.{name}", f"v=DMARC1; p={_dmarc(index)}", ttl=3600),
    ]
    hosts = LARGE_ZONE_HOSTS if index == LARGE_ZONE else 2
    for number in range(1, hosts + 1):
        host = f"host-{number:03}.{name}"
        address = f"10.{network}.0.{number}"
        records.append(dns_record(zone, "A", host, address, ttl=300, proxied=False))
    return {record["id"]: record for record in records}


def _dmarc(index: int) -> str:
    return ("none", "quarantine", "reject")[index % 3]


def rule(owner: str, number: int, action: str, expression: str, description: str) -> Json:
    """Return one rule of a ruleset."""
    rule_id = identifier("rule", owner, number)
    return {
        "id": rule_id,
        "version": "1",
        "action": action,
        "expression": expression,
        "description": description,
        "last_updated": SEEDED_ON,
        "ref": rule_id,
        "enabled": True,
    }


def ruleset(ruleset_id: str, name: str, kind: str, phase: str, rules: list[Json]) -> Json:
    """Return one ruleset with its rules."""
    return {
        "id": ruleset_id,
        "name": name,
        "description": "",
        "kind": kind,
        "version": "1",
        "rules": rules,
        "last_updated": SEEDED_ON,
        "phase": phase,
    }


def managed_rulesets() -> dict[str, Json]:
    """Return Cloudflare's own rulesets, which every account and zone sees."""
    rulesets = {}
    for ruleset_id, name in MANAGED_RULESETS.items():
        rules = [
            rule(ruleset_id, number, "block", "true", description) | {"categories": [category]}
            for number, (description, category) in enumerate(MANAGED_RULES)
        ]
        phase = "http_request_firewall_managed"
        rulesets[ruleset_id] = ruleset(ruleset_id, name, "managed", phase, rules)
    return rulesets


def zone_rulesets(zone_name: str, index: int) -> dict[str, Json]:
    """Return the rulesets of a zone; every third zone has no custom WAF rules yet."""
    rulesets = managed_rulesets()
    managed_id = identifier("ruleset", zone_name, "managed")
    execute = rule(managed_id, 0, "execute", "true", "Run the managed rules")
    execute["action_parameters"] = {"id": next(iter(MANAGED_RULESETS)), "version": "latest"}
    phase = "http_request_firewall_managed"
    rulesets[managed_id] = ruleset(managed_id, "Managed WAF", "zone", phase, [execute])
    if index % 3 != 2:
        custom_id = identifier("ruleset", zone_name, "custom")
        rules = [rule(custom_id, n, *parts) for n, parts in enumerate(BLOCK_EXPRESSIONS)]
        rules[2]["enabled"] = index % 2 == 0
        phase = "http_request_firewall_custom"
        rulesets[custom_id] = ruleset(custom_id, "Custom WAF rules", "zone", phase, rules)
    return rulesets


def account_rulesets(account_id: str) -> dict[str, Json]:
    """Return the rulesets of an account: the managed ones and a custom one."""
    custom_id = identifier("ruleset", account_id, "custom")
    expression = 'http.request.uri.path contains "/admin"'
    rules = [rule(custom_id, 0, "managed_challenge", expression, "Challenge the admin pages")]
    phase = "http_request_firewall_custom"
    custom = ruleset(custom_id, "Account WAF", "custom", phase, rules)
    return managed_rulesets() | {custom_id: custom}


def script(name: str, content: bytes) -> Json:
    """Return a Worker's entry in the list of its account."""
    return {
        "id": name,
        "etag": hashlib.sha256(content).hexdigest(),
        "handlers": ["fetch"],
        "logpush": False,
        "usage_model": "standard",
        "created_on": SEEDED_ON,
        "modified_on": SEEDED_ON,
    }


def scripts(account_id: str) -> Iterator[tuple[Json, Json, bytes]]:
    """Yield the Workers of an account: listing entry, settings, main module."""
    cache_id = identifier("namespace", account_id, "cache")
    bindings = {
        "api-gateway": [{"type": "kv_namespace", "name": "CACHE", "namespace_id": cache_id}],
        "image-resizer": [{"type": "plain_text", "name": "WIDTH", "text": "1200"}],
        "old-redirects": [],
    }
    for name, bound in bindings.items():
        content = f'export default {{ fetch() {{ return new Response("{name}"); }} }};\n'
        settings = {"bindings": bound, "compatibility_date": "2025-06-01", "logpush": False}
        yield script(name, content.encode()), settings, content.encode()


def routes(zone_name: str, index: int) -> dict[str, Json]:
    """Return the Worker routes of a zone; no route uses `old-redirects`."""
    chosen = [(f"api.{zone_name}/*", "api-gateway")]
    if index % 2 == 0:
        chosen.append((f"{zone_name}/images/*", "image-resizer"))
    return {
        identifier("route", pattern): {
            "id": identifier("route", pattern),
            "pattern": pattern,
            "script": script,
        }
        for pattern, script in chosen
    }


def namespaces(account_id: str) -> Iterator[tuple[Json, list[tuple[str, bytes, Any]]]]:
    """Yield the KV namespaces of an account, each with its keys, values and metadata."""
    contents: dict[str, list[tuple[str, bytes, Any]]] = {
        "cache": [(f"page:{n:04}", f"cached page {n}".encode(), None) for n in range(1250)],
        "config": [
            ("feature/new-checkout", b'{"enabled":true}', {"owner": "shop"}),
            ("feature/dark-mode", b'{"enabled":false}', {"owner": "web"}),
            ("limits", b'{"per_minute":600}', None),
        ],
        "sessions": [],
    }
    for title, pairs in contents.items():
        namespace_id = identifier("namespace", account_id, title)
        yield {"id": namespace_id, "title": title, "supports_url_encoding": True}, pairs
