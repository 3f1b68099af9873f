"""Clients as they come from the registry get a token unmodified, and relying parties' libraries verify it."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import boto3
import botocore.session
import google.auth.exceptions
import google.auth.transport.requests
import jwt
import pytest
import requests
from google.auth import identity_pool
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet

import harness
from harness import AZURE_AUDIENCE, clean_environment, full_facts, registration
from standins import StandIn, self_made_certificate, verify_through_discovery


@pytest.fixture(scope="module")
def es256_issuer(module_issuers):
    return module_issuers.start(arguments=("--algorithm", "ES256"))


@pytest.fixture(scope="module")
def ci_job(runner):
    return runner.register(registration(full_facts()))


@pytest.fixture(scope="module")
def es256_job(es256_issuer):
    return es256_issuer.runner("acme/*").register(registration(full_facts()))


@pytest.fixture(params=["RS256", "ES256"])
def any_job(request):
    """The same job once under each algorithm."""
    return request.getfixturevalue({"RS256": "ci_job", "ES256": "es256_job"}[request.param])


def python(code: str, *arguments: str, **environment: str | None) -> subprocess.CompletedProcess:
    """A program of its own: nothing of the test process is in the client's way."""
    return subprocess.run([sys.executable, "-c", textwrap.dedent(code), *arguments], capture_output=True, text=True,
                          timeout=60, env=clean_environment(**environment))


# --- PyPI's `id`

def test_id_detects_github_and_gets_a_token(any_job):
    job = any_job
    done = subprocess.run([sys.executable, "-m", "id", "sigstore"], capture_output=True, text=True, timeout=60,
                          env=clean_environment(GITHUB_ACTIONS="true", **{
                              name: value for name, value in job.environment.items() if name.startswith("ACTIONS_")}))
    assert done.returncode == 0, done.stderr
    claims = verify_through_discovery(job.issuer.url, done.stdout.strip(), "sigstore")
    assert claims["aud"] == "sigstore"
    assert claims["repository"] == claims["repo"]


def test_id_as_a_library_gets_a_token_and_reports_a_refusal(runner):
    job = runner.register(registration(audiences=["sigstore"]))
    code = """
        import sys
        import id
        try:
            print(id.detect_credential(sys.argv[1]))
        except id.AmbientCredentialError as error:
            print("refused", error)
    """
    environment = {"GITHUB_ACTIONS": "true", **job.environment}
    token = python(code, "sigstore", **environment).stdout.strip()
    assert verify_through_discovery(job.issuer.url, token, "sigstore")["aud"] == "sigstore"
    refused = python(code, "https://other.example", **environment)
    assert refused.stdout.startswith("refused") and "403" in refused.stdout, refused
    runner.end(job.id)
    dead = python(code, "sigstore", **environment)
    assert dead.stdout.startswith("refused") and "401" in dead.stdout, dead


# --- Azure

def test_azure_pipelines_credential_gets_an_access_token(directory, ci_job):
    seen = {}

    def entra(path, form):
        if not path.endswith("/oauth2/v2.0/token"):
            return 404, "application/json", "{}"
        assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        seen.update(verify_through_discovery(ci_job.issuer.url, form["client_assertion"], AZURE_AUDIENCE,
                                             algorithms=["RS256"]))
        return 200, "application/json", json.dumps(
            {"token_type": "Bearer", "expires_in": 3600, "access_token": "entra-access-token"})

    certificate, key, _ = self_made_certificate(directory, "entra")
    with StandIn(entra, tls=(certificate, key)) as stand_in:
        done = python("""
            import os, sys
            from azure.identity import AzurePipelinesCredential
            credential = AzurePipelinesCredential(
                tenant_id="11111111-2222-3333-4444-555555555555", client_id="66666666-7777-8888-9999-000000000000",
                service_connection_id="aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
                system_access_token=os.environ["ACTIONS_ID_TOKEN_REQUEST_TOKEN"],
                authority=sys.argv[1], disable_instance_discovery=True, connection_verify=sys.argv[2])
            print(credential.get_token("https://management.azure.com/.default").token)
            """, stand_in.url, str(certificate), **ci_job.environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "entra-access-token\n"
    assert seen["aud"] == AZURE_AUDIENCE
    assert seen["sub"] == ci_job.claims()["sub"]


def test_azures_service_connection_arrives_is_checked_and_is_in_no_claim(directory, ci_job):
    def entra(path, form):
        claims = verify_through_discovery(ci_job.issuer.url, form["client_assertion"], AZURE_AUDIENCE)
        assert "aaaaaaaa-bbbb" not in json.dumps(claims)
        return 200, "application/json", json.dumps(
            {"token_type": "Bearer", "expires_in": 3600, "access_token": "entra-access-token"})

    certificate, key, _ = self_made_certificate(directory, "entra")
    with StandIn(entra, tls=(certificate, key)) as stand_in:
        done = python("""
            import os, sys
            from azure.core.exceptions import ClientAuthenticationError
            from azure.identity import AzurePipelinesCredential
            for connection in ("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "a" * 255, "a" * 256, "%C3%A9"):
                credential = AzurePipelinesCredential(
                    tenant_id="t", client_id="c", service_connection_id=connection, authority=sys.argv[1],
                    system_access_token=os.environ["ACTIONS_ID_TOKEN_REQUEST_TOKEN"], disable_instance_discovery=True,
                    connection_verify=sys.argv[2])
                try:
                    print(credential.get_token("https://management.azure.com/.default").token)
                except ClientAuthenticationError as error:
                    print(error.status_code, error.response.json()["reason"])
            """, stand_in.url, str(certificate), **ci_job.environment)
    assert done.stdout.splitlines() == [
        "entra-access-token", "entra-access-token", "400 out_of_range", "400 out_of_range"], done


def test_azure_pipelines_credential_reports_a_refusal(directory, runner):
    job = runner.register(registration(audiences=["sigstore"]))
    certificate, key, _ = self_made_certificate(directory, "entra")
    with StandIn(lambda *_: (500, "text/plain", ""), tls=(certificate, key)) as stand_in:
        done = python("""
            import os, sys
            from azure.core.exceptions import ClientAuthenticationError
            from azure.identity import AzurePipelinesCredential
            credential = AzurePipelinesCredential(
                tenant_id="t", client_id="c", service_connection_id="s", authority=sys.argv[1],
                system_access_token=os.environ["ACTIONS_ID_TOKEN_REQUEST_TOKEN"], disable_instance_discovery=True,
                connection_verify=sys.argv[2])
            try:
                credential.get_token("https://management.azure.com/.default")
            except ClientAuthenticationError as error:
                print(error.status_code)
            """, stand_in.url, str(certificate), **job.environment)
    assert done.stdout == "403\n", done


# --- verifying libraries

def test_pyjwt_verifies_through_discovery(any_job):
    claims = verify_through_discovery(any_job.issuer.url, any_job.token("https://rp.example"), "https://rp.example")
    assert claims["aud"] == "https://rp.example"


def test_pyjwt_refuses_another_audience_issuer_and_a_changed_token(any_job):
    token = any_job.token("https://rp.example")
    with pytest.raises(jwt.InvalidAudienceError):
        verify_through_discovery(any_job.issuer.url, token, "https://other.example")
    head, body, signature = token.split(".")
    changed = f"{head}.{body[:-4]}{'AAAA' if body[-4:] != 'AAAA' else 'BBBB'}.{signature}"
    with pytest.raises(jwt.InvalidTokenError):
        verify_through_discovery(any_job.issuer.url, changed, "https://rp.example")


def test_joserfc_verifies_with_the_whole_key_set(any_job):
    keys = KeySet.import_key_set(requests.get(any_job.issuer.discovery()["jwks_uri"], timeout=10).json())
    token = joserfc_jwt.decode(any_job.token("https://rp.example"), keys, algorithms=["RS256", "ES256"])
    joserfc_jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": any_job.issuer.url}, aud={"essential": True, "value": "https://rp.example"},
        exp={"essential": True}, nbf={"essential": True}, iat={"essential": True}, sub={"essential": True},
        jti={"essential": True}).validate(token.claims)
    assert token.header == {"alg": token.header["alg"], "kid": token.header["kid"], "typ": "JWT"}


def test_joserfc_computes_the_same_key_ids(issuer):
    for key in KeySet.import_key_set(issuer.jwks()).keys:
        assert key.thumbprint() == key.kid


# --- AWS

AWS_ANSWER = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <SubjectFromWebIdentityToken>{subject}</SubjectFromWebIdentityToken>
    <Audience>sts.amazonaws.com</Audience>
    <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/deploy/ci</Arn>
      <AssumedRoleId>AROA:ci</AssumedRoleId></AssumedRoleUser>
    <Credentials><AccessKeyId>ASIASTANDIN</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
      <SessionToken>session</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
    <Provider>issuer</Provider>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>"""


def test_boto3_assumes_a_role_with_a_token_from_job_token(directory, monkeypatch, any_job):
    done = harness.run_cli("job", "token", "--audience", "sts.amazonaws.com", environment=clean_environment(**{
        name: value for name, value in any_job.environment.items() if name.startswith("ACTIONS_")}))
    assert done.returncode == 0, done.stderr
    token_file = directory / "token"
    token_file.write_text(done.stdout.rstrip("\n"))
    seen = {}

    def sts(_, form):
        assert form["Action"] == "AssumeRoleWithWebIdentity"
        assert form["RoleArn"] == "arn:aws:iam::123456789012:role/deploy"
        seen.update(verify_through_discovery(any_job.issuer.url, form["WebIdentityToken"], "sts.amazonaws.com"))
        return 200, "text/xml", AWS_ANSWER.format(subject=seen["sub"])

    with StandIn(sts) as stand_in:
        for name, value in {
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/deploy", "AWS_ROLE_SESSION_NAME": "ci",
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(token_file), "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL_STS": stand_in.url, "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(directory / "none"), "AWS_SHARED_CREDENTIALS_FILE": str(directory / "none"),
            "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
        }.items():
            monkeypatch.setenv(name, value)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        session = boto3.Session(botocore_session=botocore.session.Session())
        credentials = session.get_credentials().get_frozen_credentials()
    assert (credentials.access_key, credentials.token) == ("ASIASTANDIN", "session")
    assert seen["sub"] == any_job.claims()["sub"]


# --- Google

def test_google_auth_reads_the_endpoint_as_a_url_sourced_credential(directory, any_job):
    audience = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/providers/jobsworth"
    seen = {}

    def sts(_, form):
        assert form["grant_type"] == harness.GRANT_TYPE
        assert form["subject_token_type"] == harness.JWT_TYPE
        assert form["audience"] == audience
        seen.update(verify_through_discovery(any_job.issuer.url, form["subject_token"], "https:" + audience))
        return 200, "application/json", json.dumps({
            "access_token": "google-access-token", "issued_token_type": harness.ACCESS_TOKEN_TYPE,
            "token_type": "Bearer", "expires_in": 3600})

    with StandIn(sts) as stand_in:
        file = directory / "credential.json"
        file.write_text(json.dumps({
            "universe_domain": "googleapis.com", "type": "external_account", "audience": audience,
            "subject_token_type": harness.JWT_TYPE, "token_url": stand_in.url + "/v1/token",
            "credential_source": {
                "url": f"{any_job.request_url}&audience=https:{audience}",
                "headers": {"Authorization": f"Bearer {any_job.request_token}"},
                "format": {"type": "json", "subject_token_field_name": "value"}}}))
        credentials = identity_pool.Credentials.from_file(
            str(file), scopes=["https://www.googleapis.com/auth/cloud-platform"])
        credentials.refresh(google.auth.transport.requests.Request())
    assert credentials.token == "google-access-token"
    assert seen["sub"] == any_job.claims()["sub"]


GOOGLE_AUDIENCE = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/providers/jobsworth"

# A program of its own: the credential's command inherits its environment, and nothing of the test process.
GOOGLE_PROGRAM = """
    import sys
    import google.auth.exceptions, google.auth.pluggable, google.auth.transport.requests
    for _ in range(int(sys.argv[2])):
        credentials = google.auth.pluggable.Credentials.from_file(
            sys.argv[1], scopes=["https://www.googleapis.com/auth/cloud-platform"])
        try:
            credentials.refresh(google.auth.transport.requests.Request())
            print(credentials.token)
        except google.auth.exceptions.RefreshError as error:
            print("refused", error)
"""


def google_executable(directory, job, audience, *, command=None, times=1, status=200, **executable):
    """Lets google-auth run `job token --format gcp`; what it printed, and the tokens that its STS got."""
    seen = []

    def sts(_, form):
        assert form["grant_type"] == harness.GRANT_TYPE and form["audience"] == GOOGLE_AUDIENCE
        seen.append(verify_through_discovery(job.issuer.url, form["subject_token"], audience))
        return status, "application/json", json.dumps({
            "access_token": "google-access-token", "issued_token_type": harness.ACCESS_TOKEN_TYPE,
            "token_type": "Bearer", "expires_in": 3600})

    with StandIn(sts) as stand_in:
        file = directory / "credential.json"
        command = command or f"{harness.binary()} job token --audience {audience} --format gcp"
        file.write_text(json.dumps({
            "universe_domain": "googleapis.com", "type": "external_account", "audience": GOOGLE_AUDIENCE,
            "subject_token_type": harness.JWT_TYPE, "token_url": stand_in.url + "/v1/token",
            "credential_source": {"executable": {"command": command, "timeout_millis": 30_000, **executable}}}))
        done = python(GOOGLE_PROGRAM, str(file), str(times), GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES="1",
                      **job.environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), seen


def test_google_auth_runs_job_token_as_an_executable_sourced_credential(directory, any_job):
    printed, seen = google_executable(directory, any_job, "https:" + GOOGLE_AUDIENCE)
    assert printed == ["google-access-token"]
    assert seen[0]["sub"] == any_job.claims()["sub"]


def test_google_auth_keeps_the_answer_in_its_output_file(directory, ci_job):
    file = directory / "kept.json"
    printed, seen = google_executable(directory, ci_job, "https:" + GOOGLE_AUDIENCE, times=2, output_file=str(file))
    assert printed == ["google-access-token"] * 2
    assert len({claims["jti"] for claims in seen}) == 1, "the file was not used"
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({**kept, "expiration_time": 1}))
    _, later = google_executable(directory, ci_job, "https:" + GOOGLE_AUDIENCE, output_file=str(file))
    assert later[0]["jti"] != seen[0]["jti"], "an expired answer was used"


def test_google_auth_reports_what_job_token_was_refused_for(directory, runner):
    job = runner.register(registration(audiences=["sigstore"]))
    printed, seen = google_executable(directory, job, "https://other.example")
    assert printed[0].startswith("refused") and "audience_not_allowed" in printed[0]
    assert seen == []


def test_google_auth_reports_a_refusal(directory, runner):
    job = runner.register(registration(audiences=["sigstore"]))
    with StandIn(lambda *_: (500, "text/plain", "")) as stand_in:
        file = directory / "credential.json"
        file.write_text(json.dumps({
            "type": "external_account", "audience": "//iam.googleapis.com/x", "subject_token_type": harness.JWT_TYPE,
            "token_url": stand_in.url + "/v1/token", "credential_source": {
                "url": f"{job.request_url}&audience=https://other.example",
                "headers": {"Authorization": f"Bearer {job.request_token}"},
                "format": {"type": "json", "subject_token_field_name": "value"}}}))
        credentials = identity_pool.Credentials.from_file(
            str(file), scopes=["https://www.googleapis.com/auth/cloud-platform"])
        with pytest.raises(google.auth.exceptions.RefreshError):
            credentials.refresh(google.auth.transport.requests.Request())
        assert stand_in.requests == [], "an error was taken for a token"
