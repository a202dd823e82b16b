"""Namespaces of HTTP APIs: how their requests are built, sent and answered."""
