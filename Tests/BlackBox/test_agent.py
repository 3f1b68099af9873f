"""The agent from outside: evidence in, SVIDs out, checked by OpenSSL, `cryptography` and PyJWT."""

from __future__ import annotations

import datetime
import json
import os
import ssl
import subprocess
import time
import urllib.parse
from pathlib import Path

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import agents as agents_module
import harness
from agents import AUDIENCE, TRUST_DOMAIN, document

SEED_ID = f"spiffe://{TRUST_DOMAIN}/ci/repo/acme_2Fwidgets/ref/refs_2Fheads_2Fmain"


@pytest.fixture(scope="module")
def evidence(module_agents):
    return module_agents.evidence_issuer()


@pytest.fixture(scope="module")
def agent(module_agents, evidence):
    return module_agents.start(issuers=[{"issuer": evidence.url}])


def jwt_svid(agent, token: str, *arguments: str, audience: str = "https://api.example"):
    return agent.svid("jwt", "--audience", audience, *arguments, token=token)


def subject(agent, token: str) -> str:
    done = jwt_svid(agent, token)
    assert done.returncode == 0, (done.stderr, agent.output())
    return harness.claims_of(done.stdout.strip())["sub"]


def assert_denied(agent, token: str) -> None:
    done = jwt_svid(agent, token)
    assert done.returncode == 1, done.stdout
    assert "PermissionDenied" in done.stderr or "no identity" in done.stderr, done.stderr
    assert done.stdout == ""


# --- end to end --------------------------------------------------------------------------------------------------------

def test_a_job_of_our_issuer_becomes_the_spiffe_id_of_the_seed(issuers, agents):
    issuer = issuers.start()
    agent = agents.start(issuers=[{"issuer": issuer.url, "requiredClaims": {"repository_owner": "acme"}}])
    job = issuer.runner("acme/*").register(harness.registration(
        harness.facts(repository="acme/widgets", repository_owner="acme")))
    assert subject(agent, job.token(AUDIENCE)) == SEED_ID
    stranger = issuer.runner("other/*").register(harness.registration(harness.facts(repository="other/widgets")))
    assert_denied(agent, stranger.token(AUDIENCE))


def test_a_jwt_svid_verifies_with_the_bundle_and_has_no_other_header(agent, evidence):
    token = jwt_svid(agent, evidence.token(jti="one")).stdout.strip()
    header = harness.header_of(token)
    assert set(header) == {"alg", "kid", "typ"} and header["typ"] == "JWT" and header["alg"] == "ES256"
    keys = json.loads(agent.svid("bundle", "jwt").stdout)["keys"]
    (key,) = [key for key in keys if key["kid"] == header["kid"]]
    claims = jwt.decode(token, jwt.PyJWK(key), algorithms=["ES256"], audience="https://api.example")
    assert claims["sub"] == SEED_ID
    assert all(isinstance(claims[name], int) for name in ("exp", "iat"))
    record = agent.audit(operation="svid", svid="jwt")[-1]
    assert record["subject"] == SEED_ID and record["jti"] == claims["jti"] and record["kid"] == header["kid"]
    assert record["evidence"]["jti"] == "one" and record["evidence"]["iss"] == evidence.url
    assert record["peer_uid"] == os.getuid()


def test_an_x509_svid_is_what_openssl_and_cryptography_want(agent, evidence, directory):
    done = agent.svid("x509", "--write", str(directory), token=evidence.token())
    assert done.returncode == 0, done.stderr
    chain, key, bundle = (directory / name for name in ("svid.0.pem", "svid.0.key", "bundle.0.pem"))
    assert key.stat().st_mode & 0o777 == 0o600
    verified = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", bundle, chain],
        capture_output=True, text=True)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    leaf = x509.load_pem_x509_certificate(chain.read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert [str(name.value) for name in names.value] == [SEED_ID]
    constraints = leaf.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert not constraints.value.ca and constraints.critical
    assert usage.critical and usage.value.digital_signature and not usage.value.key_cert_sign
    assert usage.value.crl_sign is False
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert {purpose._name for purpose in purposes} == {"serverAuth", "clientAuth"}
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    assert private.public_key().public_numbers() == leaf.public_key().public_numbers()
    (authority, *_) = x509.load_pem_x509_certificates(bundle.read_bytes())
    root = authority.extensions
    assert root.get_extension_for_class(x509.BasicConstraints).value.ca
    assert [str(name.value) for name in root.get_extension_for_class(x509.SubjectAlternativeName).value] == [
        f"spiffe://{TRUST_DOMAIN}"]
    record = agent.audit(operation="svid", svid="x509")[-1]
    assert int(record["serial"], 16) == leaf.serial_number


@pytest.mark.parametrize("trusted", [True, False], ids=["of its own CA", "of nobody we know"])
def test_an_issuer_is_reached_over_tls_and_only_with_a_certificate_of_who_is_trusted(issuers, agents, directory, trusted):
    from standins import self_made_certificate
    certificate, key, _ = self_made_certificate(directory, "127.0.0.1")
    tls = ssl.create_default_context(cafile=str(certificate))
    issuer = issuers.start(
        scheme="https", tls=tls, arguments=("--tls-certificate", str(certificate), "--tls-key", str(key)))
    trust = {"caBundle": str(certificate)} if trusted else {}
    proxy = f"http://127.0.0.1:{harness.free_port()}"
    agent = agents.start(
        issuers=[{"issuer": issuer.url, **trust}], environment={"HTTPS_PROXY": proxy, "https_proxy": proxy, "NO_PROXY": ""})
    token = issuer.runner("acme/*").register(harness.registration(
        harness.facts(repository="acme/widgets"))).token(AUDIENCE)
    if trusted:
        assert subject(agent, token) == SEED_ID
    else:
        done = jwt_svid(agent, token)
        assert done.returncode == 1 and "workload attestation failed" in done.stderr, done.stderr


def test_an_svid_outlives_its_token_by_an_hour_at_most(module_agents, evidence):
    agent = module_agents.start(
        issuers=[{"issuer": evidence.url}], policy={"x509": {"ttl": "24h"}, "jwt": {"ttl": "12h"}})
    token = evidence.token(lifetime=300)
    expiry = harness.claims_of(token)["exp"]
    claims = harness.claims_of(jwt_svid(agent, token).stdout.strip())
    assert claims["exp"] == expiry + 3600
    assert "shortened" in agent.output()


def test_bundles_are_given_without_a_token_and_svids_are_not(agent):
    assert agent.svid("bundle", "x509").returncode == 0
    assert agent.svid("bundle", "jwt").returncode == 0
    done = agent.svid("jwt", "--audience", "a")
    assert done.returncode == 1 and done.stdout == ""


# --- evidence ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("claims", [
    {"aud": "https://other.example"}, {"aud": None}, {"aud": []}, {"exp": 1}, {"exp": None}, {"iat": None},
    {"iss": "https://other.example"}, {"iss": None}, {"nbf": 4102444800}, {"exp": "4102444800"},
    {"repo": None}, {"repo": ""}, {"repo": ["acme/widgets"]}, {"repo": {"name": "x"}}, {"ref": None},
], ids=str)
def test_evidence_that_does_not_hold_gives_no_identity(agent, evidence, claims):
    assert_denied(agent, evidence.token(**claims))


def test_forged_evidence_gives_no_identity(agent, evidence):
    good = evidence.token()
    head, body, signature = good.split(".")
    other = ec.generate_private_key(ec.SECP256R1())
    public = evidence.keys["es"].public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    claims = harness.claims_of(good)
    none = harness.b64url(b'{"alg":"none"}') + "." + body + "."
    import hashlib
    import hmac
    signing = harness.b64url(b'{"alg":"HS256","kid":"es","typ":"JWT"}') + "." + body
    confused = signing + "." + harness.b64url(hmac.new(public, signing.encode(), hashlib.sha256).digest())
    forged = [
        evidence.token(key=other), none, confused, f"{head}.{body}.", f"{head}.{body}.{'A' * len(signature)}",
        evidence.token(headers={"jwk": evidence.jwk("es")}), evidence.token(headers={"crit": ["x"]}),
        evidence.token(headers={"x5u": "http://127.0.0.1:1/"}), evidence.token("es", headers={"kid": "../../etc/passwd"}),
        "x", "a.b.c", good + ".", "." * 5000, jwt.encode(claims, other, algorithm="ES256"),
    ]
    for token in forged:
        assert_denied(agent, token)
    assert subject(agent, good) == SEED_ID


def test_a_flood_of_unknown_kids_costs_the_issuer_two_fetches_a_minute(agents):
    issuer = agents.evidence_issuer()
    agent = agents.start(issuers=[{"issuer": issuer.url}])
    assert subject(agent, issuer.token()) == SEED_ID
    before = sum(path.endswith("/keys") for path in issuer.fetches)
    other = ec.generate_private_key(ec.SECP256R1())
    for index in range(40):
        assert_denied(agent, issuer.token(key=other, headers={"kid": f"unknown-{index}"}))
    assert sum(path.endswith("/keys") for path in issuer.fetches) - before <= 2
    assert subject(agent, issuer.token()) == SEED_ID


def test_a_new_key_of_the_issuer_is_known_at_its_first_token(agents):
    issuer = agents.evidence_issuer()
    agent = agents.start(issuers=[{"issuer": issuer.url}])
    assert subject(agent, issuer.token()) == SEED_ID
    issuer.keys["rs"] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert subject(agent, issuer.token("rs")) == SEED_ID


def test_known_keys_go_on_while_the_issuer_is_away_and_unknown_ones_are_unavailable(agents):
    issuer, absent = agents.evidence_issuer(), agents.evidence_issuer()
    absent.answer = lambda handler: handler.send_error(503) or True
    agent = agents.start(
        issuers=[{"issuer": issuer.url}, {"issuer": absent.url}],
        template="/{{jwt.issuer}}/{{jwt.claim.repo}}")
    assert subject(agent, issuer.token())
    issuer.answer = lambda handler: handler.send_error(503) or True
    assert subject(agent, issuer.token())
    done = jwt_svid(agent, absent.token())
    assert done.returncode == 1 and "PermissionDenied" not in done.stderr, done.stderr
    assert "cannot answer now" in done.stderr, done.stderr


@pytest.mark.parametrize("fault", ["redirect", "huge", "other issuer", "garbage", "many keys", "drip"])
def test_an_issuer_that_answers_badly_is_not_believed(agents, fault):
    issuer = agents.evidence_issuer()
    good = agents.evidence_issuer()

    def answer(handler) -> bool:
        if fault == "redirect":
            handler.send_response(302)
            handler.send_header("Location", good.url + handler.path)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return True
        body = {
            "huge": b'{"keys":[' + b" " * 400_000 + b"]}",
            "garbage": b"<html>",
            "other issuer": json.dumps({"issuer": good.url, "jwks_uri": good.url + "/keys"}).encode(),
            "many keys": json.dumps({"keys": [issuer.jwk("es") | {"kid": str(n)} for n in range(500)]}).encode(),
            "drip": b"{" + b" " * 200,
        }[fault]
        if fault == "many keys" and not handler.path.endswith("/keys"):
            return False
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if fault == "drip":
            try:
                for byte in body:
                    handler.wfile.write(bytes([byte]))
                    handler.wfile.flush()
                    time.sleep(0.2)
            except OSError:
                pass
        else:
            handler.wfile.write(body)
        return True

    issuer.answer = answer
    agent = agents.start(issuers=[{"issuer": issuer.url}])
    done = agent.svid("jwt", "--audience", "a", "--timeout", "15s", token=issuer.token())
    assert done.returncode == 1, done.stdout
    assert not good.fetches
    assert agent.is_running


# --- policy ------------------------------------------------------------------------------------------------------------

def test_a_changed_policy_is_in_force_without_a_restart_and_a_broken_one_is_not(agents):
    issuer = agents.evidence_issuer()
    agent = agents.start(issuers=[{"issuer": issuer.url}])
    token = issuer.token(team="red")
    assert subject(agent, token) == SEED_ID
    agent.policy["pathTemplate"] = "/team/{{jwt.claim.team}}"
    agent.write()
    harness.poll(lambda: subject(agent, token).endswith("/team/red"), seconds=15)
    agent.policy["pathTemplate"] = "/team/{{jwt.claim.team"
    agent.write()
    harness.poll(lambda: "agent file not reloaded" in agent.output(), seconds=15)
    assert subject(agent, token).endswith("/team/red")


def test_overrides_claims_and_subject_are_what_the_policy_says(agents, directory):
    issuer = agents.evidence_issuer()
    agent = agents.start(
        issuers=[{"issuer": issuer.url}],
        policy={"x509": {"subject": "O=Acme Corp,OU=Engineering"},
                "jwt": {"additionalClaims": {"branch": "{{jwt.claim.ref}}"}}},
        overrides=[{"when": {"jwt.claim.environment": "production"},
                    "policy": {"pathTemplate": "/prod/{{jwt.claim.repo}}", "x509": {"ttl": "10m"}}}])
    claims = harness.claims_of(jwt_svid(agent, issuer.token()).stdout.strip())
    assert claims["branch"] == "refs/heads/main"
    token = issuer.token(environment="production")
    assert subject(agent, token) == f"spiffe://{TRUST_DOMAIN}/prod/acme_2Fwidgets"
    assert agent.svid("x509", "--write", str(directory), token=issuer.token()).returncode == 0
    leaf = x509.load_pem_x509_certificate((directory / "svid.0.pem").read_bytes())
    assert leaf.subject.rfc4514_string() == "O=Acme Corp,OU=Engineering"


@pytest.mark.parametrize("claim", ["../x", "a//b", "%2e", "é", "e\u0301", "x" * 600, "..", ".", "a b", "_2F", "/", "a_b",
                                   "{{cluster.name}}", "\x00", "a\nb"], ids=repr)
def test_a_hostile_claim_fills_one_segment(agent, evidence, claim):
    done = jwt_svid(agent, evidence.token(ref=claim))
    assert done.returncode == 0, (done.stderr, agent.output())
    path = urllib.parse.urlsplit(harness.claims_of(done.stdout.strip())["sub"]).path
    *head, last = path.split("/")
    assert head == ["", "ci", "repo", "acme_2Fwidgets", "ref"]
    assert last not in ("", ".", "..") and all(c.isascii() and (c.isalnum() or c in ".-_") for c in last)


@pytest.mark.parametrize(("spec", "named"), [
    ({"jwt": {"enabled": True, "allowedIssuers": [{"issuer": "https://a.example", "audience": "x"}]}}, "audience"),
    ({"jwt": {"enabled": True, "allowedIssuers": [{"issuer": "http://a.example"}]}}, "https"),
    ({"jwt": {"enabled": True, "allowedIssuers": [{"issuer": "https://a.example"}, {"issuer": "https://b.example"}]}},
     "jwt.issuer"),
    ({"kubernetes": {"enabled": True}}, "kubernetes"),
], ids=["unknown key", "plain http", "two issuers alike", "another attestor"])
def test_a_configuration_that_cannot_be_meant_is_refused_with_its_line(agents, spec, named):
    agent = agents.make()
    text = agent.file.read_text().splitlines(keepends=True)
    text[3] = json.dumps({"section": "WorkloadAttestation", "schema": "v1", "spec": spec}) + "\n"
    agent.file.write_text("".join(text))
    done = harness.run_cli("agent", "check", "--config", str(agent.file))
    assert done.returncode == 78, done.stdout
    assert named in done.stderr and f"{agent.file}:" in done.stderr, done.stderr


def test_an_issuer_of_many_tenants_without_an_owner_is_a_loud_warning(agents):
    agent = agents.make(issuers=[{"issuer": "https://token.actions.githubusercontent.com"}])
    done = harness.run_cli("agent", "check", "--config", str(agent.file))
    assert done.returncode == 0 and "warning" in done.stderr and "githubusercontent" in done.stderr
    doctor = harness.run_cli("doctor", "--agent-config", str(agent.file))
    assert doctor.returncode == 1 and doctor.stdout.startswith("DANGER ") and "githubusercontent" in doctor.stdout
    agent.start()
    assert "dangerous" in agent.output()
    owned = agents.make(issuers=[{"issuer": "https://token.actions.githubusercontent.com",
                                  "requiredClaims": {"repository_owner_id": "7"}}])
    assert harness.run_cli("agent", "check", "--config", str(owned.file)).stderr == ""
    assert harness.run_cli("doctor", "--agent-config", str(owned.file)).returncode == 0


# --- keys --------------------------------------------------------------------------------------------------------------

def test_after_a_revocation_the_next_svid_is_signed_by_another_key_and_the_bundle_says_so(agents):
    issuer = agents.evidence_issuer()
    agent = agents.start(issuers=[{"issuer": issuer.url}])
    first = harness.header_of(jwt_svid(agent, issuer.token()).stdout.strip())["kid"]
    agent.operator("keys", "revoke", first)
    second = harness.header_of(jwt_svid(agent, issuer.token()).stdout.strip())["kid"]
    assert second != first
    assert first not in agent.svid("bundle", "jwt", "--json").stdout


def test_an_agent_and_an_issuer_never_share_a_store(issuers, agents):
    issuer = issuers.start()
    issuer.stop()
    agent = agents.make(settings={"storage": issuer.storage})
    done = harness.run_cli("agent", "--config", str(agent.file))
    assert done.returncode == 78 and "storage of its own" in done.stderr
    assert issuer.start().is_running


def test_the_same_store_comes_back_with_the_same_keys_after_a_kill(agents):
    issuer = agents.evidence_issuer()
    agent = agents.start(issuers=[{"issuer": issuer.url}])
    before = agent.svid("bundle", "x509").stdout
    agent.kill()
    assert agent.socket.exists()
    agent.socket.unlink()
    agent.start()
    assert agent.svid("bundle", "x509").stdout == before
    assert agent.stop() == 0
    assert not agent.socket.exists()


# --- the bundle endpoint -----------------------------------------------------------------------------------------------

def test_the_bundle_endpoint_publishes_the_trust_bundle_with_sequence_and_hint(agents, directory):
    from standins import self_made_certificate
    certificate, key, _ = self_made_certificate(directory, "localhost")
    port = harness.free_port()
    agent = agents.start(settings={
        "bundleEndpoint": {"listen": f"127.0.0.1:{port}", "tlsCertificate": str(certificate), "tlsKey": str(key)},
        "jwtIssuer": "https://td.example/spiffe"})
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    harness.wait_for_port(port)
    with harness.Connection(port, tls=context) as connection:
        answer = connection.call("GET", "/bundle")
        assert answer.status == 200 and answer.header("Content-Type") == "application/json"
        bundle = answer.json()
        assert bundle["spiffe_refresh_hint"] == 300 and bundle["spiffe_sequence"] >= 1
        uses = {key["use"] for key in bundle["keys"]}
        assert uses == {"x509-svid", "jwt-svid"}
        for entry in bundle["keys"]:
            assert "d" not in entry
            if entry["use"] == "x509-svid":
                assert len(entry["x5c"]) == 1 and "kid" not in entry
            else:
                assert entry["kid"]
        agent.operator("keys", "prepare")
        harness.poll(lambda: connection.call("GET", "/bundle").json()["spiffe_sequence"] > bundle["spiffe_sequence"],
                     seconds=20)
        discovery = connection.call("GET", "/spiffe/.well-known/openid-configuration").json()
        assert discovery["issuer"] == "https://td.example/spiffe"
        assert discovery["jwks_uri"] == "https://td.example/spiffe/jwks"
        assert connection.call("GET", "/spiffe/jwks").json()["keys"]


# --- profiles ----------------------------------------------------------------------------------------------------------

def test_profiles_and_links_give_a_jenkins_job_its_identity_and_leave_the_rest_of_the_file_alone(agents):
    jenkins = agents.evidence_issuer()
    agent = agents.make(more="# what a person wrote\n")
    before = agent.file.read_text()
    file = ("--config", str(agent.file))
    created = harness.run_cli("ci-cd", "profile", "create", "jenkins-profile", "--issuer", jenkins.url, *file)
    assert created.returncode == 0 and created.stdout.startswith("cicdp-"), created.stderr
    agent.start()
    assert_denied(agent, jenkins.token())
    linked = harness.run_cli(
        "ci-cd", "profile", "link", "create", "ci", "jenkins-profile", "--trust-domain", TRUST_DOMAIN, *file)
    assert linked.returncode == 0, linked.stderr
    harness.poll(lambda: jwt_svid(agent, jenkins.token()).returncode == 0, seconds=15)
    assert agent.file.read_text().startswith(before)
    again = harness.run_cli("ci-cd", "profile", "create", "jenkins-profile", "--issuer", "https://x.example", *file)
    assert again.returncode == 1 and "never change" in again.stderr
    assert harness.run_cli("ci-cd", "profile", "delete", "jenkins-profile", *file).returncode == 1
    assert harness.run_cli("ci-cd", "profile", "link", "delete", "ci", "jenkins-profile", *file).returncode == 0
    assert harness.run_cli("ci-cd", "profile", "delete", "jenkins-profile", *file).returncode == 0
    assert agent.file.read_text() == before


def test_the_legacy_template_of_claims_counts_where_the_policy_says_nothing(agents):
    issuer = agents.evidence_issuer()
    agent = agents.make(issuers=[{"issuer": issuer.url}])
    change = ("cluster", "config", "--trust-domain", TRUST_DOMAIN, "change-jwt-template", "ci")
    file = ("--config", str(agent.file))
    assert harness.run_cli(*change, "team={{jwt.claim.team}}", *file).returncode == 0
    agent.start()
    assert harness.claims_of(jwt_svid(agent, issuer.token(team="red")).stdout.strip())["team"] == "red"
    assert harness.run_cli(*change, "sub={{jwt.claim.team}}", *file).returncode == 78
    assert harness.run_cli(*change, "", *file).returncode == 0
    harness.poll(
        lambda: "team" not in harness.claims_of(jwt_svid(agent, issuer.token(team="red")).stdout.strip()), seconds=15)
