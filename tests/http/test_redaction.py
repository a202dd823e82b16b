"""The token is found in every form in which a server may send it back."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from pydantic import SecretStr

from pymode.http.redaction import MASK, Redactor

PLAIN = "v1_abcDEF-0123456789_xyzXYZ-secret"
AWKWARD = 'p+/"\\&=%?secret/+~'
FORMS = {
    "raw": lambda token: token,
    "quoted": quote,
    "quoted fully": lambda token: quote(token, safe=""),
    "quoted as a form": quote_plus,
    "JSON": lambda token: json.dumps(token),
    "JSON with slashes": lambda token: json.dumps(token).replace("/", "\\/"),
    "hex": lambda token: token.encode().hex(),
    "base64": lambda token: base64.b64encode(token.encode()).decode(),
    "base64 for URLs": lambda token: base64.urlsafe_b64encode(token.encode()).decode(),
    "basic": lambda token: base64.b64encode(f"Bearer {token}".encode()).decode(),
    "base64 shifted by one": lambda token: base64.b64encode(f"x{token}y".encode()).decode(),
    "base64 shifted by two": lambda token: base64.b64encode(f"xx{token}yy".encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("token", [PLAIN, AWKWARD])
def test_the_token_is_masked_in_each_form(token: str, form: str) -> None:
    text = FORMS[form](token)
    redactor = Redactor(SecretStr(token))
    for cleaned in (
        redactor.clean(f"before {text} after"),
        redactor.clean_bytes(f"before {text} after".encode()).decode(),
    ):
        assert MASK in cleaned
        assert cleaned.startswith("before ")
        assert cleaned.endswith(" after")
        # What may be left of base64 are characters that hold bits of the neighbours too.
        assert len(cleaned) <= len("before  after") + len(MASK) + 16
        assert token not in cleaned


def test_other_text_and_short_words_stay() -> None:
    text = "the test of a token"
    assert Redactor(SecretStr(PLAIN)).clean(text) == text
    assert Redactor(SecretStr("test")).clean(text) == text
    assert Redactor(None).clean_bytes(b"\xff\x00") == b"\xff\x00"
