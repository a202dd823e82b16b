"""`python -m pymode` and the `pymode` command."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from pymode.cli import (
        main as cli,  # here, so that a process which only imports this loads no shell
    )

    cli.main()


if __name__ == "__main__":
    main()
