"""Decides whether an action may be carried out: rules, checks by the document, approvals."""
