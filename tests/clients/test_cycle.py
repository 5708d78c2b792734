"""The whole life of a token, seen by a client that was written from reflection alone."""

import re
from types import SimpleNamespace

import grpc
import pytest

from api import Api, Refused, basic, bearer

TOKEN = re.compile(r"(jat|jrt)_[0-9A-Za-z_]+")


def is_active(api: Api, token: str, caller: list[tuple[str, str]], **fields: object) -> bool:
    return api.call("Introspect", token=token, metadata=caller, **fields).active


def test_a_client_written_from_reflection_does_the_whole_cycle(api, orders, alice, as_orders):
    issued = api.call("IssueToken", **orders, **alice)
    assert issued.token_type == "Bearer"
    assert 890 <= issued.expires_in <= 900
    assert list(issued.scopes) == ["read", "write"]
    for token, prefix in ((issued.access_token, "jat_"), (issued.refresh_token, "jrt_")):
        assert token.startswith(prefix)
        assert len(token) <= 100
        assert TOKEN.fullmatch(token)

    seen = api.call("Introspect", token=issued.access_token, metadata=as_orders)
    assert seen.active
    assert seen.client_id == "orders"
    assert seen.username == "alice"
    assert seen.subject not in ("", "alice", "orders")
    assert list(seen.scopes) == ["read", "write"]
    assert list(seen.audience) == ["billing"]
    assert seen.grant_id == issued.grant_id
    assert seen.expire_time == issued.expire_time
    assert 0 < seen.cache_ttl.seconds <= 60
    assert seen.attributes["email"] == "alice@example.internal"

    renewed = api.call("RefreshToken", **orders, refresh_token=issued.refresh_token)
    assert renewed.grant_id == issued.grant_id
    assert renewed.access_token != issued.access_token
    assert renewed.refresh_token != issued.refresh_token
    assert is_active(api, renewed.access_token, as_orders)

    revoked = api.call("RevokeToken", **orders, token=renewed.refresh_token)
    assert [field.name for field, _ in revoked.ListFields()] == ["outcome"]
    for token in (issued.access_token, renewed.access_token):
        assert not is_active(api, token, as_orders)
    with pytest.raises(Refused) as refused:
        api.call("RefreshToken", **orders, refresh_token=renewed.refresh_token)
    assert refused.value.code is grpc.StatusCode.UNAUTHENTICATED
    assert refused.value.reason == "INVALID_GRANT"
    api.call("RevokeToken", **orders, token=renewed.refresh_token)


def test_a_refresh_asked_twice_gives_the_same_pair_twice(api, orders, alice):
    issued = api.call("IssueToken", **orders, **alice)
    first = api.call("RefreshToken", **orders, refresh_token=issued.refresh_token)
    again = api.call("RefreshToken", **orders, refresh_token=issued.refresh_token)
    assert again.access_token == first.access_token
    assert again.refresh_token == first.refresh_token
    assert again.expires_in <= first.expires_in


def test_a_refresh_token_is_active_only_to_its_own_client_asking_for_one(
    api, known, orders, alice, as_orders
):
    token = api.call("IssueToken", **orders, **alice).refresh_token
    assert is_active(api, token, as_orders, expected_kind="TOKEN_KIND_REFRESH")
    assert not is_active(api, token, as_orders)
    auditor = [basic("auditor", known.auditor)]
    assert not is_active(api, token, auditor, expected_kind="TOKEN_KIND_REFRESH")


def test_a_client_gets_a_token_for_itself_and_no_refresh_token(api, orders, as_orders):
    issued = api.call("IssueToken", **orders, client_credentials={}, scopes=["audit"])
    assert list(issued.scopes) == ["audit"]
    assert issued.refresh_token == ""
    seen = api.call("Introspect", token=issued.access_token, metadata=as_orders)
    assert seen.active
    assert seen.username == ""


def test_basic_metadata_authenticates_as_well_as_the_fields_do(api, as_orders):
    assert api.call("IssueToken", client_credentials={}, metadata=as_orders).access_token


def test_a_secret_from_the_environment_and_a_password_from_a_file_are_good(api, known, orders):
    reports = {"client_id": "reports", "client_secret": known.reports}
    assert api.call("IssueToken", **reports, client_credentials={}).access_token
    carol = {"username": "carol", "password": known.carol}
    assert api.call("IssueToken", **orders, password=carol).access_token


def test_a_public_client_logs_in_refreshes_and_revokes_with_its_id_alone(api, alice, as_orders):
    issued = api.call("IssueToken", client_id="mobile", **alice)
    renewed = api.call("RefreshToken", client_id="mobile", refresh_token=issued.refresh_token)
    assert is_active(api, renewed.access_token, as_orders)
    api.call("RevokeToken", client_id="mobile", token=renewed.access_token)
    assert not is_active(api, renewed.access_token, as_orders)


def test_a_bearer_with_the_audience_jeton_may_introspect(api, known: SimpleNamespace, orders):
    auditor = {"client_id": "auditor", "client_secret": known.auditor}
    own = api.call("IssueToken", **auditor, client_credentials={}, audience=["jeton"])
    caller = [bearer(own.access_token)]
    token = api.call("IssueToken", **orders, client_credentials={}).access_token
    assert is_active(api, token, caller)


def test_an_inactive_token_says_why_only_to_a_caller_who_may_know(api, known, orders, as_orders):
    token = api.call("IssueToken", **orders, client_credentials={}).access_token
    api.call("RevokeToken", **orders, token=token)
    trusted = api.call("Introspect", token=token, metadata=as_orders)
    assert [field.name for field, _ in trusted.ListFields()] == ["inactive_reason"]
    other = api.call("Introspect", token=token, metadata=[basic("auditor", known.auditor)])
    assert other.SerializeToString() == b""


def test_a_client_that_sees_only_its_own_sees_nothing_of_anothers_token(api, known, orders):
    token = api.call("IssueToken", **orders, client_credentials={}).access_token
    answer = api.call("Introspect", token=token, metadata=[basic("bystander", known.bystander)])
    assert answer.SerializeToString() == b""
