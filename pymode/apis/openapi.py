"""An API that the code may call: its OpenAPI document, where it is, and who calls."""

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
        spec: an OpenAPI document: a file, a URL, the name of a shipped one, or the document.
        name: what the code calls the API; by default that of the spec, such as "cloudflare".
        token: sent as a bearer token, or a function that returns a fresh one.
        auth: another way to say who calls: `Bearer`, `ApiKey` or `Basic`, in place of `token`.
        base_url: where requests go; by default the first server of the spec.
        account_id: what the code finds as `account_id`; by default the only account of the token.

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
        apis: as given; the other arguments are for a single document.
        token: from `hide_secret`.
        name: what the code calls it.
        base_url: where its requests go.
        account_id: what the code finds.

    Raises:
        ConfigError: an argument for a single document is given, and there is not exactly one.
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
