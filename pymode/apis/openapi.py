"""An API that the code may call: its OpenAPI document, its base URL and its credentials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pymode.apis.auth import Auth, Secret, hide_secret, to_auth
from pymode.documents.source import name_of
from pymode.errors import ConfigError
from pymode.http import urls
from pymode.namespaces import check_name


class OpenAPI:
    """One API of a `CodeMode`.

    Args:
        spec: an OpenAPI document: a file, a URL, the name of a shipped one, or the parsed JSON.
        name: what the code calls the API; by default the name of the spec, such as "cloudflare".
        token: a bearer token, or a function that returns a fresh one.
        auth: `Bearer`, `ApiKey` or `Basic`, in place of `token`.
        base_url: the URL below which requests are sent; by default the first server of the spec.
        account_id: the value of `account_id` in the code; by default the only account that the
            token sees.

    Raises:
        ConfigError: the name, the secret or the base URL cannot be used, or both token and auth
            are given.
    """

    def __init__(
        self,
        spec: str | Path | Mapping[str, object],
        *,
        name: str | None = None,
        token: Secret | None = None,
        auth: Auth | Secret | None = None,
        base_url: str | None = None,
        account_id: str | None = None,
    ) -> None:
        # Tracebacks may show locals, so no frame keeps a secret as plain text.
        token, auth = hide_secret(token), hide_secret(auth)
        # Set before anything can fail, because a traceback may show the repr of this object.
        self.name, self.base_url = name or "", base_url
        if token is not None and auth is not None:
            raise ConfigError("give token or auth, not both: a token is auth=Bearer(token)")
        self.spec = spec
        self.name = check_name(name or name_of(spec))
        self.auth: Auth | None = to_auth(token if auth is None else auth)
        self.account_id = account_id
        if base_url is not None:
            urls.check_base(base_url)

    def __repr__(self) -> str:
        return f"OpenAPI(name={self.name!r}, base_url={self.base_url!r})"


def read_apis(
    apis: Sequence[str | Path | Mapping[str, object] | OpenAPI],
    *,
    token: Secret | None,
    name: str | None,
    base_url: str | None,
    account_id: str | None,
) -> tuple[OpenAPI, ...]:
    """Return the APIs that a user gave in any of the accepted forms.

    Args:
        apis: the APIs as the user gave them; the other arguments are for a single document.
        token: its token, as `hide_secret` returns it.
        name: what the code calls the API.
        base_url: the URL below which its requests are sent.
        account_id: the value of `account_id` in the code.

    Raises:
        ConfigError: an argument for a single document was given, but not exactly one document; or
            an API cannot be used, see `OpenAPI`.
    """
    rest = {"token": token, "name": name, "base_url": base_url, "account_id": account_id}
    given = [key for key, value in rest.items() if value is not None]
    if given and (len(apis) != 1 or isinstance(apis[0], OpenAPI)):
        msg = f"{given[0]}= is for a single document; write OpenAPI(…, {given[0]}=…) instead"
        raise ConfigError(msg)
    return tuple(
        api
        if isinstance(api, OpenAPI)
        else OpenAPI(api, name=name, token=token, base_url=base_url, account_id=account_id)
        for api in apis
    )
