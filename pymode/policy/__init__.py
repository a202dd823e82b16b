"""May this be done: the rules of the operator, what the document says, and approvals."""
