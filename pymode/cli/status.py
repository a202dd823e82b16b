"""The exit statuses of the shell."""

CODE_FAILED, WRONG_USAGE, FAILED = 1, 2, 3
