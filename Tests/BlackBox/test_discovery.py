"""The public plane: the discovery document and the JWK Set, their bytes, their headers and their addresses."""

from __future__ import annotations

import re

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import harness
from harness import HOST, assert_error, full_facts, registration, thumbprint, unb64url

DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/.well-known/jwks"
DOCUMENTS = [DISCOVERY, JWKS, "/.well-known/jwks.json"]


@pytest.fixture(scope="module")
def path_issuer(module_issuers):
    return module_issuers.start(path="/tenants/blue")


@pytest.fixture(scope="module")
def es256_issuer(module_issuers):
    return module_issuers.start(arguments=("--algorithm", "ES256"))


def media_type(answer) -> str:
    return (answer.header("Content-Type") or "").split(";")[0].strip()


# --- the discovery document

def test_the_discovery_document_names_the_issuer_and_its_keys(issuer):
    answer = issuer.get(DISCOVERY)
    assert answer.status == 200
    assert media_type(answer) == "application/json"
    document = answer.json()
    assert document["issuer"] == issuer.url
    assert document["jwks_uri"] == issuer.url + JWKS
    assert document["response_types_supported"] == ["id_token"]
    assert document["subject_types_supported"] == ["public"]
    assert document["id_token_signing_alg_values_supported"] == ["RS256", "ES256"]


def test_the_discovery_document_has_no_null_and_no_empty_array(issuer):
    for name, value in issuer.discovery().items():
        assert value is not None, name
        assert value not in ([], {}, ""), name


def test_the_discovery_document_does_not_promise_what_is_not_there(issuer):
    document = issuer.discovery()
    assert "authorization_endpoint" not in document
    assert "signed_metadata" not in document
    for name, value in document.items():
        if name.endswith("_endpoint"):
            assert value.startswith(issuer.url + "/"), name
            assert issuer.call("POST", value.removeprefix(f"http://{HOST}:{issuer.port}")).status != 404, name


def test_the_algorithms_promised_are_those_of_the_keys(issuer):
    assert set(issuer.discovery()["id_token_signing_alg_values_supported"]) == {
        key["alg"] for key in issuer.jwks()["keys"]}


def test_every_claim_a_token_can_carry_is_listed(issuer, runner):
    supported = issuer.discovery()["claims_supported"]
    assert len(supported) == len(set(supported))
    expected = harness.REGISTERED_CLAIMS | {"repo", "runner"} | set(harness.FACT_NAMES)
    assert expected <= set(supported)
    claims = runner.register(registration(full_facts())).claims()
    assert set(claims) <= set(supported)


def test_the_default_algorithm_changes_the_tokens_and_not_the_promises(es256_issuer):
    assert es256_issuer.discovery()["id_token_signing_alg_values_supported"] == ["RS256", "ES256"]
    token = es256_issuer.runner("acme/*").register().token()
    assert harness.header_of(token)["alg"] == "ES256"


# --- the JWK Set

def test_the_jwk_set_is_served_with_its_type(issuer):
    answer = issuer.get(JWKS)
    assert answer.status == 200
    assert media_type(answer) in ("application/json", "application/jwk-set+json")
    assert set(answer.json()) == {"keys"}


def test_both_algorithms_have_an_active_key_and_a_published_standby(issuer):
    keys = issuer.jwks()["keys"]
    assert sorted(key["alg"] for key in keys) == ["ES256", "ES256", "RS256", "RS256"]
    ring = issuer.keys()
    assert isinstance(ring["version"], int)
    assert {key["kid"] for key in ring["keys"]} == {key["kid"] for key in keys}
    for algorithm in ("RS256", "ES256"):
        states = sorted(key["state"] for key in ring["keys"] if key["algorithm"] == algorithm)
        assert states == ["active", "prepared"], algorithm


def test_every_kid_is_the_keys_own_thumbprint(issuer):
    keys = issuer.jwks()["keys"]
    assert len({key["kid"] for key in keys}) == len(keys)
    for key in keys:
        assert key["kid"] == thumbprint(key)


def test_the_keys_have_the_members_of_their_kind_and_no_others(issuer):
    for key in issuer.jwks()["keys"]:
        kind = {"n", "e"} if key["kty"] == "RSA" else {"crv", "x", "y"}
        assert set(key) == {"kty", "use", "alg", "kid"} | kind
        assert key["use"] == "sig"
        assert all(isinstance(value, str) for value in key.values())
        assert not harness.PRIVATE_JWK_MEMBERS & set(key)
        assert "key_ops" not in key and "x5c" not in key


def test_an_rsa_modulus_has_2048_bits_and_no_leading_zero(issuer):
    keys = [key for key in issuer.jwks()["keys"] if key["kty"] == "RSA"]
    assert keys
    for key in keys:
        modulus = unb64url(key["n"])
        assert modulus[0] != 0
        assert int.from_bytes(modulus, "big").bit_length() == 2048
        assert key["e"] == "AQAB"
        assert key["alg"] == "RS256"


def test_a_curve_point_has_two_coordinates_of_32_bytes_and_lies_on_the_curve(issuer):
    keys = [key for key in issuer.jwks()["keys"] if key["kty"] == "EC"]
    assert keys
    for key in keys:
        assert key["crv"] == "P-256" and key["alg"] == "ES256"
        x, y = unb64url(key["x"]), unb64url(key["y"])
        assert len(x) == len(y) == 32
        ec.EllipticCurvePublicNumbers(
            int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1()).public_key()


def test_no_two_keys_share_their_material(issuer):
    material = [key.get("n") or key["x"] + key["y"] for key in issuer.jwks()["keys"]]
    assert len(set(material)) == len(material)


def test_the_alias_serves_the_same_bytes(issuer):
    first, alias = issuer.get(JWKS), issuer.get("/.well-known/jwks.json")
    assert alias.status == 200
    assert alias.body == first.body
    assert alias.header("ETag") == first.header("ETag")


def test_two_installations_share_no_key(issuer, es256_issuer):
    assert not {key["kid"] for key in issuer.jwks()["keys"]} & {key["kid"] for key in es256_issuer.jwks()["keys"]}


# --- headers and caching

@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_public_document_may_be_cached_and_read_by_everyone(issuer, document):
    answer = issuer.get(document)
    directives = [part.strip() for part in (answer.header("Cache-Control") or "").split(",")]
    assert "public" in directives and "no-store" not in directives
    (age,) = [int(part.removeprefix("max-age=")) for part in directives if part.startswith("max-age=")]
    assert 0 < age <= 43_200  # half of the shortest sensible publication lead of a day
    assert answer.headers("Access-Control-Allow-Origin") == ["*"]
    assert answer.headers("X-Content-Type-Options") == ["nosniff"]
    assert answer.header("Set-Cookie") is None
    assert answer.header("Vary") != "*"
    assert answer.header("Expires") is None
    assert re.search(r"\d", answer.header("Server") or "") is None, "a version banner"
    assert int(answer.header("Content-Length") or -1) == len(answer.body)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_public_document_has_a_strong_etag_that_stays(issuer, document):
    first, second = issuer.get(document), issuer.get(document)
    tag = first.header("ETag")
    assert re.fullmatch(r'"[\x21\x23-\x7e]+"', tag or ""), tag
    assert (second.header("ETag"), second.body) == (tag, first.body)


def test_the_two_documents_have_different_etags(issuer):
    assert issuer.get(DISCOVERY).header("ETag") != issuer.get(JWKS).header("ETag")


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("form", ["{tag}", 'W/"other", {tag}', '"x", {tag}, "y"', "*", "W/{tag}"])
def test_a_matching_etag_answers_304_without_a_body(issuer, document, form):
    tag = issuer.get(document).header("ETag")
    answer = issuer.get(document, headers={"If-None-Match": form.format(tag=tag)})
    assert answer.status == 304
    assert answer.body == b""
    assert answer.header("ETag") == tag
    assert "public" in (answer.header("Cache-Control") or "")


@pytest.mark.parametrize("value", ['"other"', "other", '"', "", 'W/"other"', '"a", "b"', "\\", '"*"'])
def test_another_etag_answers_200_with_the_whole_body(issuer, value):
    answer = issuer.get(JWKS, headers={"If-None-Match": value})
    assert answer.status == 200
    assert answer.body == issuer.get(JWKS).body


@pytest.mark.parametrize("document", DOCUMENTS)
def test_head_has_the_headers_of_get_and_no_body(issuer, document):
    get, head = issuer.get(document), issuer.call("HEAD", document)
    assert head.status == 200
    assert head.body == b""
    for name in ("Content-Type", "Content-Length", "ETag", "Cache-Control", "Access-Control-Allow-Origin"):
        assert head.header(name) == get.header(name), name


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_another_method_is_405_and_says_which_are_allowed(issuer, document, method):
    answer = issuer.call(method, document)
    assert_error(answer, 405)
    allowed = {part.strip() for part in (answer.header("Allow") or "").split(",")}
    assert {"GET", "HEAD"} <= allowed and method not in allowed


def test_a_method_override_changes_nothing(issuer):
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        assert issuer.get(JWKS, headers={name: "DELETE"}).status == 200


@pytest.mark.parametrize("headers", [
    {"Host": "evil.example"},
    {"Host": "evil.example:443"},
    {"X-Forwarded-Host": "evil.example"},
    {"X-Forwarded-Proto": "https"},
    {"X-Forwarded-Port": "444"},
    {"X-Forwarded-Prefix": "/evil"},
    {"X-Forwarded-For": "10.0.0.1"},
    {"X-Forwarded-Server": "evil.example"},
    {"X-Host": "evil.example"},
    {"X-Original-URL": "/evil"},
    {"X-Rewrite-URL": "/evil"},
    {"Forwarded": 'for=10.0.0.1;host="evil.example";proto=https'},
    {"Accept": "text/html"},
    {"Accept": "application/jwt"},
    {"Accept-Language": "tlh"},
    {"Accept-Encoding": "gzip, br"},
    {"Origin": "https://evil.example"},
    {"Range": "bytes=0-3"},
    {"Authorization": "Bearer nonsense"},
    {"Cookie": "session=nonsense"},
    {"Cache-Control": "no-cache"},
], ids=lambda headers: " ".join(f"{name}={value}" for name, value in headers.items()))
def test_no_header_changes_a_byte(issuer, headers):
    for document in (DISCOVERY, JWKS):
        plain, answer = issuer.get(document), issuer.get(document, headers=headers)
        if answer.status == 421 and "Host" in headers:
            continue  # refusing a foreign host is as good
        assert answer.status == 200
        assert answer.body == plain.body
        assert answer.header("ETag") == plain.header("ETag")
        assert b"evil" not in answer.body


@pytest.mark.parametrize("query", ["?", "?x=1", "?issuer=https://evil.example", "?" + "a=b&" * 50])
def test_a_query_changes_nothing_or_is_refused(issuer, query):
    answer = issuer.get(DISCOVERY + query)
    if answer.status != 400:
        assert answer.status == 200
        assert answer.body == issuer.get(DISCOVERY).body


def test_the_date_is_right(issuer):
    from email.utils import parsedate_to_datetime
    from datetime import datetime, timezone
    stated = parsedate_to_datetime(issuer.get(JWKS).header("Date") or "")
    assert abs((datetime.now(timezone.utc) - stated).total_seconds()) <= 2.5


# --- addresses

@pytest.mark.parametrize("target", [
    "/", "/nothing", "/v1", "/v1/", "/v2/jobs", "/.well-known", "/.well-known/", "/.well-known/openid",
    "/.well-known/openid-configuration.json", "/index.html", "/favicon.ico", "/robots.txt", "/jobs",
    "/.well-known/jwks.json.bak", "/.well-known/jwks.jso", "/.well-known/jwk", "/.git/config", "/login",
])
def test_an_unknown_path_is_404_in_json(issuer, target):
    assert_error(issuer.get(target), 404)


@pytest.mark.parametrize("target", [
    f"{DISCOVERY}/",
    f"{JWKS}/",
    f"/{DISCOVERY}",
    f"//{HOST}{DISCOVERY}",
    "/.well-known//openid-configuration",
    "/.well-known///jwks",
    "/%2ewell-known/openid-configuration",
    "/%2Ewell-known/jwks",
    "/.well-known/openid%2dconfiguration",
    "/.well-known/openid%2Dconfiguration",
    "/.well-known%2fopenid-configuration",
    "/.well-known%2Fjwks",
    "/.well-known/%6awks",
    "/.well-known/jwks%2ejson",
    "/%252ewell-known/jwks",
    "/./.well-known/openid-configuration",
    "/.well-known/./jwks",
    "/x/../.well-known/openid-configuration",
    "/.well-known/../.well-known/jwks",
    "/.well-known/x/../jwks",
    "/..%2f.well-known/jwks",
    "/.well-known/%2e%2e/.well-known/jwks",
    "/.Well-Known/openid-configuration",
    "/.WELL-KNOWN/OPENID-CONFIGURATION",
    "/.well-known/OpenID-Configuration",
    "/.well-known/JWKS",
    "/.well-known/jwks.JSON",
    f"{DISCOVERY};x=1",
    f"{JWKS};",
    f"{JWKS}%20",
    f"{JWKS}%00",
    f"{JWKS}%00.json",
    f"{JWKS}%0a",
    f"{JWKS}.",
    f"{JWKS}%3fx",
    f"{JWKS}%23",
    f"{JWKS}\\",
    "\\.well-known\\jwks",
    f"{JWKS}%",
    f"{JWKS}%zz",
    f"{JWKS}%c0%ae",
])
def test_only_the_exact_path_is_served(issuer, target):
    answer = issuer.get(target)
    assert_error(answer, (404, 400))
    assert answer.header("Location") is None


def test_an_issuer_with_a_path_appends_the_well_known_paths_to_it(path_issuer):
    document = path_issuer.get("/tenants/blue" + DISCOVERY).json()
    assert document["issuer"] == path_issuer.url
    assert document["issuer"].endswith("/tenants/blue")
    assert document["jwks_uri"] == path_issuer.url + JWKS
    keys = path_issuer.get("/tenants/blue" + JWKS)
    assert keys.status == 200
    assert path_issuer.get("/tenants/blue/.well-known/jwks.json").body == keys.body


@pytest.mark.parametrize("target", [
    DISCOVERY, JWKS, "/tenants" + DISCOVERY, "/tenants/Blue" + DISCOVERY, "/tenants/blue2" + DISCOVERY,
    "/tenants/blue/" + DISCOVERY, "/tenants//blue" + DISCOVERY, "/tenants%2fblue" + DISCOVERY, "/v1/jobs", "/token",
    "/tenants/bl%75e" + JWKS,
])
def test_an_issuer_with_a_path_serves_nothing_beside_it(path_issuer, target):
    for method in ("GET", "POST"):
        assert_error(harness.call(path_issuer.port, method, target), (404, 400))


def test_an_issuer_with_a_path_has_its_runner_plane_under_it(path_issuer):
    job = path_issuer.runner("acme/*").register()
    assert job.request_url.startswith(path_issuer.url + "/v1/jobs/")
    claims = job.claims()
    assert claims["iss"] == path_issuer.url
    assert path_issuer.exchange(("audience", "sts.amazonaws.com"), subject_token=job.request_token).status == 200


def test_the_runner_plane_moves_to_its_own_listener(issuers):
    issuer = issuers.start(runner_plane_apart=True)
    runner = issuer.runner("acme/*")
    runner_url = f"http://{HOST}:{issuer.runner_port}"
    job = runner.register()
    assert job.request_url.startswith(runner_url + "/v1/jobs/")
    assert job.environment["ACTIONS_ID_TOKEN_REQUEST_URL"].startswith(runner_url + "/")
    assert job.environment["SYSTEM_OIDCREQUESTURI"].startswith(runner_url + "/")
    assert job.claims()["iss"] == issuer.url
    assert issuer.discovery()["issuer"] == issuer.url
    assert_error(runner.post(registration(), port=issuer.port), 404)
    assert_error(issuer.get(job.request_target + "&audience=a", headers=harness.bearer(job.request_token),
                            port=issuer.port), 404)
    assert issuer.exchange(("audience", "a"), subject_token=job.request_token).status == 200
