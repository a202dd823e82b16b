"""The shell: `pymode search`, `execute`, `serve` and the commands around them."""
