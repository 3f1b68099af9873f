"""The job's own request in its three shapes, and what a token says."""

from __future__ import annotations

import json
import re
import time
import urllib.parse
import uuid

import jwt
import pytest

import harness
from harness import (ACCESS_TOKEN_TYPE, AZURE_AUDIENCE, ID_TOKEN_TYPE, JWT_TYPE, assert_error, bearer, claims_of, facts,
                     full_facts, header_of, registration)

AUDIENCE = "sts.amazonaws.com"


@pytest.fixture(scope="module")
def rich_job(runner):
    """A job with every fact that the contract's example has."""
    return runner.register(registration(full_facts()))


def azure(job, target=None, *, headers=(), body: bytes = b""):
    return job.issuer.call("POST", target or job.request_target, body=body,
                           headers={**bearer(job.request_token), "Content-Type": "application/json", **dict(headers)})


def verify(issuer, token: str, audience: str) -> dict:
    """An independent library, with the key that `kid` names in the JWK Set of this moment."""
    header = jwt.get_unverified_header(token)
    (key,) = [key for key in issuer.jwks()["keys"] if key["kid"] == header["kid"]]
    return jwt.decode(token, jwt.PyJWK(key).key, algorithms=[key["alg"]], audience=audience, issuer=issuer.url,
                      options={"require": ["iss", "sub", "aud", "exp", "iat", "nbf", "jti"]})


# --- GitHub's shape

def test_githubs_request_answers_count_and_value_in_this_order(issuer, job):
    answer = job.ask(AUDIENCE)
    assert answer.status == 200
    match = re.fullmatch(r'\{"count":(\d+),"value":"([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)"\}\s?', answer.text)
    assert match, answer.text
    assert answer.header("Content-Type").split(";")[0] == "application/json"
    assert "no-store" in answer.header("Cache-Control")
    assert answer.headers("X-Content-Type-Options") == ["nosniff"]
    assert answer.header("Access-Control-Allow-Origin") is None
    assert answer.header("ETag") is None
    verify(issuer, match[2], AUDIENCE)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_is_read_in_any_case(job, scheme):
    assert job.ask(headers=bearer(job.request_token, scheme)).status == 200


@pytest.mark.parametrize("suffix", ["", "&audience=", "&audience", "&audience=a&audience=b", "&audience=a&audience=a",
                                    "&audience=&audience=a", "&AUDIENCE=a", "&audience%20=a", "&audience[]=a"])
def test_an_audience_that_is_absent_empty_or_repeated_is_400(job, suffix):
    assert_error(job.ask(None, suffix=suffix), 400, error="invalid_request")


def test_a_request_without_any_query_has_no_audience(job):
    assert_error(job.issuer.get(job.bare_target, headers=bearer(job.request_token)), 400, error="invalid_request")


def test_a_second_audience_parameter_is_refused(job):
    assert_error(job.ask("a", suffix="&audience=b"), 400, error="invalid_request")
    assert_error(job.ask("a", suffix="&%61udience=b"), 400, error="invalid_request")


@pytest.mark.parametrize("audience", [
    "a b", "a\n", "\x00", "a\x7f", "\t", " ", "ä", "\u202e", "x" * 256, "x" * 5000, "\ufeffa", "a\u0301",
], ids=lambda text: ascii(text)[:16])
def test_an_audience_of_other_characters_or_length_is_400(job, audience):
    assert_error(job.ask(audience), 400, error=("invalid_request", "invalid_target"))


@pytest.mark.parametrize("encoded", ["%ff", "%c0%af", "%zz", "%", "%2", "%ed%a0%80", "a%00b"])
def test_an_audience_that_does_not_decode_is_400(job, encoded):
    assert_error(job.ask(None, suffix=f"&audience={encoded}"), 400, error=("invalid_request", "invalid_target"))


@pytest.mark.parametrize("audience", [
    "a", "x" * 255, "https://vault.example/v1/auth/jwt?x=1&y=2#z", "//iam.googleapis.com/projects/1/locations/global",
    "api://AzureADTokenExchange", "urn:example:1", "spiffe://example.org", "a%20b", "{}[]\"'\\<>|^`~!$*+,;=@()",
    "sigstore", "npm:registry.npmjs.org", "1", "null",
], ids=lambda text: text[:20])
def test_an_audience_comes_back_byte_for_byte(job, audience):
    assert job.claims(audience)["aud"] == audience


def test_an_audience_that_was_not_escaped_is_understood(job):
    answer = job.ask(None, suffix="&audience=https://vault.example/v1/x")
    assert claims_of(answer.json()["value"])["aud"] == "https://vault.example/v1/x"


@pytest.mark.parametrize("method", ["HEAD", "PUT", "PATCH", "DELETE", "TRACE"])
def test_another_method_on_the_token_url_is_405(issuer, job, method):
    answer = issuer.call(method, job.request_target + "&audience=a", headers=bearer(job.request_token))
    assert answer.status == 405
    allowed = {part.strip() for part in answer.header("Allow").split(",")}
    assert {"GET", "POST"} <= allowed and method not in allowed
    if method == "HEAD":
        assert answer.body == b""
    else:
        assert_error(answer, 405)


def test_no_credential_is_401_on_every_shape(issuer, job):
    for answer in (issuer.get(job.request_target + "&audience=a"), issuer.call("POST", job.request_target)):
        assert_error(answer, 401)
        assert (answer.header("WWW-Authenticate") or "").lower().startswith("bearer")


@pytest.mark.parametrize("place", ["token", "access_token", "request_token", "Authorization", "bearer"])
def test_a_request_token_in_the_query_is_never_accepted(issuer, runner, place):
    job = runner.register()
    target = f"{job.request_target}&audience=a&{place}={job.request_token}"
    assert_error(issuer.get(target), (400, 401))
    assert_error(issuer.call("POST", target), (400, 401))


def test_a_request_token_in_a_body_or_a_cookie_is_never_accepted(issuer, runner):
    job = runner.register()
    token = job.request_token
    form = urllib.parse.urlencode({"access_token": token, "token": token, "audience": "a"}).encode()
    document = json.dumps({"token": token, "access_token": token, "audience": "a"}).encode()
    for body, kind in ((form, "application/x-www-form-urlencoded"), (document, "application/json")):
        assert_error(issuer.call("POST", job.request_target, body=body, headers={"Content-Type": kind}),
                     (400, 401, 415))
        assert_error(issuer.call("GET", job.request_target + "&audience=a", body=body,
                                 headers={"Content-Type": kind}), (400, 401, 415))
    for name in ("Cookie", "X-Authorization", "Proxy-Authorization", "X-Access-Token", "Private-Token"):
        assert_error(issuer.get(job.request_target + "&audience=a", headers={name: f"Bearer {token}"}), 401)
    assert_error(issuer.get(job.request_target + "&audience=a", headers={"Cookie": f"token={token}"}), 401)


def test_two_authorization_headers_are_refused(issuer, job):
    for second in (job.request_token, "other"):
        answer = issuer.get(job.request_target + "&audience=a", headers=[
            ("Authorization", f"Bearer {job.request_token}"), ("Authorization", f"Bearer {second}")])
        assert_error(answer, (400, 401))


@pytest.mark.parametrize("value", ["Basic {t}", "Token {t}", "{t}", "Bearer{t}", "Bearer {t} {t}", "Bearer {t},", "Bearer"])
def test_another_scheme_is_refused(job, value):
    assert_error(job.ask(headers={"Authorization": value.format(t=job.request_token)}), (400, 401))


def test_the_request_of_a_job_changes_no_claim(rich_job):
    before = rich_job.claims()
    suffixes = [f"&{name}=evil" for name in (*harness.FACT_NAMES, "sub", "iss", "repo", "claims", "expires_in", "ttl")]
    headers = {**bearer(rich_job.request_token), "X-Repository": "evil", "X-Job": "evil"}
    for suffix in ("".join(suffixes), *suffixes[:4], "&api-version=9", "&serviceConnectionId=evil"):
        answer = rich_job.ask(suffix=suffix, headers=headers)
        if answer.status == 200:
            after = claims_of(answer.json()["value"])
            moving = {"iat", "nbf", "exp", "jti"}
            assert {name: after[name] for name in after if name not in moving} == \
                {name: before[name] for name in before if name not in moving}
        else:
            assert_error(answer, 400)


def test_every_token_is_a_new_one(issuer, job):
    tokens = [claims_of(job.token())["jti"] for _ in range(20)]
    assert len(set(tokens)) == 20
    assert all(len(jti) >= 22 for jti in tokens)
    assert {record["jti"] for record in issuer.audit(job=job.id, decision="permit", operation="token")} == set(tokens)


# --- Azure's shape

def test_azures_request_answers_the_token_for_entra(issuer, job):
    answer = azure(job, f"{job.bare_target}?api-version=7.1&serviceConnectionId={uuid.uuid4()}",
                   headers={"X-TFS-FedAuthRedirect": "Suppress"})
    assert answer.status == 200, answer
    assert set(answer.json()) == {"oidcToken"}
    assert "no-store" in answer.header("Cache-Control")
    assert verify(issuer, answer.json()["oidcToken"], AZURE_AUDIENCE)["aud"] == AZURE_AUDIENCE


@pytest.mark.parametrize("query", ["", "?", "?api-version=1", "?api-version=9.9-preview.7", "?serviceConnectionId=x",
                                   "?api-version=7.1&serviceConnectionId=x"])
def test_azures_request_works_with_and_without_its_query(job, query):
    answer = azure(job, job.bare_target + query)
    assert answer.status == 200, answer
    assert claims_of(answer.json()["oidcToken"])["aud"] == AZURE_AUDIENCE


def test_azures_request_takes_another_audience(job):
    answer = azure(job, job.bare_target + "?audience=https%3A%2F%2Fother.example")
    assert claims_of(answer.json()["oidcToken"])["aud"] == "https://other.example"


@pytest.mark.parametrize("query", ["?audience=", "?audience=a&audience=b", "?audience=a%20b", "?audience"])
def test_azures_request_refuses_a_malformed_audience(job, query):
    assert_error(azure(job, job.bare_target + query), 400)


def test_azures_request_needs_no_content_type(issuer, job):
    answer = issuer.call("POST", job.bare_target, headers=bearer(job.request_token))
    assert answer.status == 200, answer


def test_a_body_of_azures_request_chooses_no_claim(job):
    for body in (b'{"audience":"x","claims":{"repository":"victim"}}', b'{"repository":"victim"}', b'{"sub":"x"}'):
        answer = azure(job, body=body)
        if answer.status == 200:
            claims = claims_of(answer.json()["oidcToken"])
            assert claims["aud"] == AZURE_AUDIENCE
            assert "victim" not in json.dumps(claims) and claims["sub"] != "x"
        else:
            assert_error(answer, (400, 415))


# --- RFC 8693

def test_a_token_exchange_answers_as_rfc_8693_has_it(issuer, job):
    answer = issuer.exchange(("audience", AUDIENCE), subject_token=job.request_token)
    assert answer.status == 200, answer
    assert "no-store" in answer.header("Cache-Control")
    body = answer.json()
    assert set(body) == {"access_token", "issued_token_type", "token_type", "expires_in"}
    assert body["token_type"] == "N_A"
    assert body["issued_token_type"] in (ID_TOKEN_TYPE, JWT_TYPE)
    assert type(body["expires_in"]) is int and 295 <= body["expires_in"] <= 300
    claims = verify(issuer, body["access_token"], AUDIENCE)
    assert claims["aud"] == AUDIENCE


@pytest.mark.parametrize("requested", [ID_TOKEN_TYPE, JWT_TYPE])
def test_the_requested_token_type_is_the_issued_one(issuer, job, requested):
    answer = issuer.exchange(("audience", "a"), subject_token=job.request_token, requested_token_type=requested)
    assert answer.json()["issued_token_type"] == requested


def test_several_audiences_become_an_array(issuer, job):
    wanted = ["https://a.example", "https://b.example", "c", "d"]
    answer = issuer.exchange(*[("audience", audience) for audience in wanted], subject_token=job.request_token)
    claims = verify(issuer, answer.json()["access_token"], "c")
    assert claims["aud"] == wanted
    (record,) = [record for record in issuer.audit(job=job.id, decision="permit", operation="token") if record["jti"] == claims["jti"]]
    assert record["audience"] == wanted


def test_more_than_four_audiences_are_refused(issuer, job):
    pairs = [("audience", f"a{number}") for number in range(5)]
    assert_error(issuer.exchange(*pairs, subject_token=job.request_token), 400,
                 error=("invalid_request", "invalid_target"))


@pytest.mark.parametrize("pairs", [
    [], [("audience", "")], [("audience", "a"), ("audience", "")], [("audience", "a"), ("audience", "a")],
    [("audience", "a b")], [("audience", "x" * 256)], [("audience", "ä")], [("audience", "a\n")],
], ids=str)
def test_a_malformed_audience_of_an_exchange_is_400(issuer, job, pairs):
    assert_error(issuer.exchange(*pairs, subject_token=job.request_token), 400,
                 error=("invalid_request", "invalid_target"))


@pytest.mark.parametrize("name", ["actor_token", "actor_token_type", "resource", "scope"])
def test_what_an_exchange_does_not_support_is_400(issuer, job, name):
    for value in ("https://x.example", "x"):
        answer = issuer.exchange(("audience", "a"), (name, value), subject_token=job.request_token)
        assert_error(answer, 400)


@pytest.mark.parametrize("name", ["grant_type", "subject_token", "subject_token_type", "requested_token_type"])
def test_a_parameter_that_is_given_twice_is_400(issuer, job, name):
    value = {"grant_type": harness.GRANT_TYPE, "subject_token": job.request_token,
             "subject_token_type": ACCESS_TOKEN_TYPE, "requested_token_type": ID_TOKEN_TYPE}[name]
    twice = [(name, value)] * (2 if name == "requested_token_type" else 1)
    assert_error(issuer.exchange(("audience", "a"), *twice, subject_token=job.request_token), 400,
                 error="invalid_request")


@pytest.mark.parametrize("value, error", [
    ("client_credentials", "unsupported_grant_type"), ("authorization_code", "unsupported_grant_type"),
    ("password", "unsupported_grant_type"), (harness.GRANT_TYPE.upper(), "unsupported_grant_type"),
    (harness.GRANT_TYPE + " ", "unsupported_grant_type"), (None, "invalid_request"),
])
def test_another_grant_type_is_refused(issuer, job, value, error):
    assert_error(issuer.exchange(("audience", "a"), subject_token=job.request_token, grant_type=value), 400, error=error)


@pytest.mark.parametrize("changes", [
    {"subject_token": None}, {"subject_token": ""}, {"subject_token_type": None}, {"subject_token_type": ""},
    {"subject_token_type": ID_TOKEN_TYPE}, {"subject_token_type": JWT_TYPE}, {"subject_token_type": "access_token"},
    {"requested_token_type": ACCESS_TOKEN_TYPE}, {"requested_token_type": "jwt"},
    {"requested_token_type": "urn:ietf:params:oauth:token-type:saml2"},
    {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
], ids=str)
def test_a_parameter_that_is_missing_or_unsupported_is_400(issuer, job, changes):
    parameters = {"subject_token": job.request_token, **changes}
    assert_error(issuer.exchange(("audience", "a"), **parameters), 400, error="invalid_request")


@pytest.mark.parametrize("token", ["jwj_" + "A" * 60, "nonsense", "eyJhbGciOiJub25lIn0.e30.", "." * 20_000 + "x"],
                         ids=["unknown", "nonsense", "unsigned", "dots"])
def test_an_unknown_subject_token_is_400(issuer, token):
    assert_error(issuer.exchange(("audience", "a"), subject_token=token), 400, error="invalid_request")


def test_a_dead_subject_token_is_400(issuer, runner, job):
    runner.end(job.id)
    dead = issuer.exchange(("audience", "a"), subject_token=job.request_token)
    unknown = issuer.exchange(("audience", "a"), subject_token="jwj_" + "A" * 60)
    assert_error(dead, 400, error="invalid_request")
    assert dead.body == unknown.body


def test_an_issued_token_is_no_subject_token(issuer, job):
    token = job.token()
    for kind in (ACCESS_TOKEN_TYPE, ID_TOKEN_TYPE, JWT_TYPE):
        assert_error(issuer.exchange(("audience", "a"), subject_token=token, subject_token_type=kind), 400)
    assert_error(job.ask(headers=bearer(token)), 401)


def test_the_subject_token_goes_into_the_form_only(issuer, job):
    headers = bearer(job.request_token)
    assert_error(issuer.exchange(("audience", "a"), headers=headers), 400)
    query = urllib.parse.urlencode({"grant_type": harness.GRANT_TYPE, "subject_token": job.request_token,
                                    "subject_token_type": ACCESS_TOKEN_TYPE, "audience": "a"})
    assert_error(issuer.call("POST", "/token?" + query, body=b"",
                             headers={"Content-Type": "application/x-www-form-urlencoded"}), 400)


def test_an_unknown_parameter_of_an_exchange_is_ignored(issuer, job):
    answer = issuer.exchange(("audience", "a"), ("client_id", "x"), ("repository", "victim/x"),
                             subject_token=job.request_token)
    assert answer.status == 200, answer
    assert "victim" not in json.dumps(claims_of(answer.json()["access_token"]))


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_the_exchange_is_a_post(issuer, method):
    answer = issuer.call(method, "/token")
    assert_error(answer, 405)
    assert "POST" in answer.header("Allow")


def test_a_charset_beside_the_form_type_does_no_harm(issuer, job):
    body = urllib.parse.urlencode({"grant_type": harness.GRANT_TYPE, "subject_token": job.request_token,
                                   "subject_token_type": ACCESS_TOKEN_TYPE, "audience": "a"}).encode()
    answer = issuer.call("POST", "/token", body=body,
                         headers={"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"})
    assert answer.status == 200, answer


# --- what a token says

def test_the_header_has_an_algorithm_a_kid_and_a_type_and_nothing_else(issuer, job):
    header = header_of(job.token())
    assert set(header) == {"alg", "kid", "typ"}
    assert header["alg"] == "RS256" and header["typ"] == "JWT"
    active = [key["kid"] for key in issuer.keys()["keys"] if key["state"] == "active" and key["algorithm"] == "RS256"]
    assert [header["kid"]] == active


def test_every_fact_is_a_claim_under_its_name(issuer, runner):
    job = full_facts()
    claims = runner.register(registration(job)).claims()
    given = {name: value for name, value in job.items() if value}
    assert {name: claims[name] for name in given} == given
    assert claims["repo"] == job["repository"]
    assert claims["iss"] == issuer.url
    assert claims["aud"] == AUDIENCE
    assert set(claims) == harness.REGISTERED_CLAIMS | {"repo", "runner"} | set(given)


def test_every_claim_but_the_times_is_a_flat_string(rich_job):
    for name, value in rich_job.claims().items():
        assert type(value) is (int if name in ("iat", "exp", "nbf") else str), name


def test_the_times_are_right(rich_job):
    before = int(time.time())
    claims = rich_job.claims()
    after = int(time.time()) + 1
    assert before - 1 <= claims["iat"] <= after
    assert claims["nbf"] == claims["iat"] - 60
    assert claims["exp"] == claims["iat"] + 300


def test_a_token_never_outlives_its_job(issuer, runner):
    job = runner.register(registration(expires_in=100))
    end = int(time.time()) + 101
    assert job.claims()["exp"] <= end
    answer = issuer.exchange(("audience", "a"), subject_token=job.request_token).json()
    assert claims_of(answer["access_token"])["exp"] <= end and answer["expires_in"] <= 100
    assert claims_of(azure(job).json()["oidcToken"])["exp"] <= end


def test_a_token_stays_small(rich_job):
    assert len(rich_job.token()) <= 4096


def test_the_bytes_of_a_token_are_canonical(rich_job):
    for part in rich_job.token().split("."):
        harness.unb64url(part)


@pytest.mark.parametrize("changes, tail", [
    ({"environment": "production"}, "environment:production"),
    ({"environment": ""}, "ref:refs/heads/main"),
    ({"environment": "", "ref": "refs/tags/v1.2.3", "ref_type": "tag"}, "ref:refs/tags/v1.2.3"),
    ({"environment": "", "event_name": "pull_request"}, "pull_request"),
    ({"environment": "", "event_name": "pull_request_target"}, "pull_request"),
    ({"environment": "", "event_name": "merge_request_event"}, "pull_request"),
    ({"environment": "", "event_name": "push", "head_ref": "f"}, "pull_request"),
    ({"environment": "", "event_name": "push", "base_ref": "main"}, "pull_request"),
    ({"environment": "production", "event_name": "pull_request"}, "environment:production"),
    ({"environment": "", "event_name": "Pull_request"}, "ref:refs/heads/main"),
    ({"environment": "", "event_name": "xpull_request"}, "ref:refs/heads/main"),
    ({"environment": "", "event_name": ""}, "ref:refs/heads/main"),
], ids=str)
def test_the_subject_takes_the_first_form_that_applies(runner, changes, tail):
    job = full_facts(**changes)
    assert runner.register(registration(job)).claims()["sub"] == f"repo:{job['repository']}:{tail}"


def escaped(value: str) -> str:
    """The contract's escaping, written a second time."""
    return "".join(chr(byte) if 0x21 <= byte <= 0x7E and byte not in b"%:" else f"%{byte:02X}"
                   for byte in value.encode())


HOSTILE = [
    "Prod:V1", "Prod%3AV1", "Prod%253AV1", "a:b:c", "%", "%%", ":", "::", "prod:ref:refs/heads/main", "x:pull_request",
    "a b", " a", "a ", "a%20b", "prod+1", "a/b", "a//b", "~a.b-c_d", "!#&()*,;<=>@[]^`|", "e\u00e9", "日本", "a:\u0301b",
    "a/\u0338b", "\u212a", "\U0001f680", "%C3%A9", "a\u00a0b",
]


@pytest.mark.parametrize("environment", HOSTILE, ids=ascii)
def test_the_subject_escapes_what_could_be_mistaken(runner, environment):
    job = facts(environment=environment)
    answer = runner.post(registration(job))
    if answer.status != 201:
        # Refusing what is not in normal form, or not for an identifier, is as safe as escaping it.
        assert not re.fullmatch(r"[\x20-\x7e]*", environment) or re.search(r"[*?${}'\"\\<>`|^]|^ | $", environment), answer
        assert_error(answer, (400, 403))
        return
    claims = harness.Job(runner.issuer, answer).claims()
    assert claims["sub"] == f"repo:{job['repository']}:environment:{escaped(environment)}"
    assert claims["environment"] == environment
    assert re.fullmatch(r"[\x21-\x7e]+", claims["sub"])
    assert urllib.parse.unquote(claims["sub"].split(":")[3]) == environment


def test_the_ref_is_escaped_in_the_subject_as_well(runner):
    job = facts(ref="refs/heads/a:b%3Ac d")
    assert runner.register(registration(job)).claims()["sub"] == \
        f"repo:{job['repository']}:ref:refs/heads/a%3Ab%253Ac%20d"


def test_different_values_never_give_the_same_subject(runner):
    seen: dict[str, dict] = {}
    repository = facts()["repository"]
    shapes = [{"environment": value} for value in HOSTILE] + [{"ref": value} for value in HOSTILE] + [
        {"ref": "pull_request"}, {"environment": "x", "ref": "y"}, {"ref": "refs/heads/environment:x"}]
    for shape in shapes:
        answer = runner.post(registration(facts(repository=repository, **shape)))
        if answer.status != 201:
            continue
        subject = harness.Job(runner.issuer, answer).claims()["sub"]
        assert subject not in seen, (shape, seen[subject])
        seen[subject] = shape
    assert len(seen) > 30


# --- audiences

def test_the_request_token_asks_for_the_listed_audiences_only(issuer, runner):
    job = runner.register(registration(audiences=["sts.amazonaws.com", "sigstore"]))
    for audience in ("sts.amazonaws.com", "sigstore"):
        assert job.claims(audience)["aud"] == audience
    for audience in ("other", "Sigstore", "sigstore/", "sigstor", "sigstorex", "sts.amazonaws.com:443", AZURE_AUDIENCE):
        assert_error(job.ask(audience), 403, reason="audience_not_allowed")
        assert_error(issuer.exchange(("audience", audience), subject_token=job.request_token), 400,
                     error="invalid_target", reason="audience_not_allowed")
    assert_error(azure(job), 403, reason="audience_not_allowed")
    both = issuer.exchange(("audience", "sigstore"), ("audience", "other"), subject_token=job.request_token)
    assert_error(both, 400, error="invalid_target")
    assert issuer.exchange(("audience", "sigstore"), subject_token=job.request_token).status == 200


def test_a_refused_audience_is_audited(issuer, runner):
    job = runner.register(registration(audiences=["sigstore"]))
    job.ask("other")
    (record,) = issuer.audit(job=job.id, decision="deny")
    assert record["reason"] == "audience_not_allowed"
    assert record["audience"] == ["other"]
    assert record["runner"] == runner.name
    assert not record.get("jti")


def test_the_audit_record_of_a_token_names_everything(issuer, runner, job):
    token = job.token()
    claims = claims_of(token)
    (record,) = issuer.audit(job=job.id, decision="permit", operation="token")
    assert record["jti"] == claims["jti"]
    assert record["kid"] == header_of(token)["kid"]
    assert record["exp"] == claims["exp"]
    assert record["audience"] == [AUDIENCE]
    assert record["runner"] == runner.name
    assert record["reason"] and record["at"]
    assert token not in json.dumps(record) and job.request_token not in json.dumps(record)


def test_a_token_is_never_issued_for_the_issuer_itself(issuer, runner):
    job = runner.register()
    origin = issuer.url
    for audience in (origin, origin + "/", origin + "/v1/jobs", origin + "/token", origin + "/anything",
                     origin + "?x=1", origin + "#x", origin + "//", origin + "/.", origin.replace("http", "HTTP"),
                     origin.replace("http", "Http") + "/", origin + "/v1/jobs/" + job.id):
        assert_error(job.ask(audience), 403)
        assert_error(azure(job, job.bare_target + "?audience=" + urllib.parse.quote(audience, safe="")), 403)
        assert_error(issuer.exchange(("audience", audience), subject_token=job.request_token), (400, 403))
        assert_error(issuer.exchange(("audience", "a"), ("audience", audience), subject_token=job.request_token),
                     (400, 403))


def test_listing_the_issuer_as_an_audience_does_not_help(issuer, runner):
    answer = runner.post(registration(audiences=[issuer.url, "a"]))
    if answer.status == 201:
        assert_error(harness.Job(issuer, answer).ask(issuer.url), 403)
    else:
        assert_error(answer, (400, 403))


# --- errors

def test_an_error_is_never_taken_for_a_token(issuer, runner, job):
    dead = runner.register()
    runner.end(dead.id)
    answers = {
        401: dead.ask(), 400: job.ask(None), 403: job.ask(issuer.url), 404: issuer.get("/v1/nothing"),
        405: issuer.call("PUT", job.request_target, headers=bearer(job.request_token)),
    }
    for status, answer in answers.items():
        body = assert_error(answer, status)
        assert answer.header("X-Content-Type-Options") == "nosniff"
        assert answer.header("Access-Control-Allow-Origin") is None
        assert len(body["error_description"]) >= 10
        assert not re.search(r"Sources/|\.swift|SQLite|SELECT |/tmp/", answer.text)


def test_no_cross_origin_door_is_opened_on_the_runner_plane(issuer, job):
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST",
               "Access-Control-Request-Headers": "authorization"}
    for target in ("/v1/jobs", "/token", job.request_target):
        answer = issuer.call("OPTIONS", target, headers=headers)
        assert answer.header("Access-Control-Allow-Origin") is None
        assert answer.header("Access-Control-Allow-Headers") is None
        assert answer.status in (404, 405), answer


def test_every_reason_that_was_ever_given_is_listed_in_the_documentation(issuer, runner, job):
    """The last file of the run: over everything that any test was refused for."""
    listed = runner.register(registration(audiences=["a"]))
    assert_error(listed.ask("b"), 403)
    assert_error(job.ask(None), 400)
    assert_error(issuer.get("/nothing"), 404)
    document = (harness.REPOSITORY_ROOT / "docs" / "errors.md").read_text()
    missing = sorted(reason for reason in harness.reasons_seen if f"`{reason}`" not in document)
    assert not missing, f"not in docs/errors.md: {missing}"
