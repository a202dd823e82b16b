"""Whether an action may be done: the operator's rules, what the document says, and approvals."""
