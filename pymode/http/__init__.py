"""The only HTTP client of pymode, and what it takes from a server."""
