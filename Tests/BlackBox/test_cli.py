"""The runner's and anyone's commands: what goes to stdout, what goes to files, and what is refused."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import time
import uuid

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

import harness
from harness import assert_error, b64url, claims_of, clean_environment, facts, full_facts, registration, run_cli
from standins import verify_through_discovery

ACTIONS = ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")


@pytest.fixture
def facts_file(directory):
    file = directory / "facts.json"
    file.write_text(json.dumps(registration(full_facts(), id_tokens={"A_ID_TOKEN": {"aud": "a"}})))
    return file


def start(issuer, credential_file, *arguments, **options):
    return run_cli("job", "start", "--issuer", issuer.url, *map(str, arguments),
                   environment=clean_environment(JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(credential_file)), **options)


def assert_refused(done, code: int = 1) -> None:
    assert done.returncode == code, done
    assert done.stdout == ""
    assert done.stderr.strip()
    assert "fatal error" not in done.stderr.lower()


# --- job start

def test_job_start_prints_the_registration_as_json(issuer, credential_file, facts_file):
    done = start(issuer, credential_file, "--facts", facts_file, "--output", "json")
    assert done.returncode == 0, done.stderr
    body = harness.strict_json(done.stdout)
    assert {"id", "expires_at", "id_token_request", "id_tokens", "environment"} <= set(body)
    assert set(body["environment"]) == {*ACTIONS, "SYSTEM_OIDCREQUESTURI", "A_ID_TOKEN"}
    assert verify_through_discovery(issuer.url, body["id_tokens"]["A_ID_TOKEN"], "a")


def test_job_start_reads_the_facts_from_stdin(issuer, credential_file, facts_file):
    done = start(issuer, credential_file, "--facts", "-", "--output", "json", stdin=facts_file.read_bytes())
    assert done.returncode == 0, done.stderr
    assert harness.strict_json(done.stdout)["id"]


def test_job_start_takes_single_facts(issuer, credential_file):
    given = [part for name, value in facts(environment="a=b c").items() for part in ("--fact", f"{name}={value}")]
    done = start(issuer, credential_file, *given, "--output", "json")
    assert done.returncode == 0, done.stderr
    assert harness.strict_json(done.stdout)["id"]


def test_job_start_prints_for_a_shell_what_only_sets_variables(issuer, credential_file, facts_file, directory):
    done = start(issuer, credential_file, "--facts", facts_file, "--output", "sh")
    assert done.returncode == 0, done.stderr
    names = [*ACTIONS, "SYSTEM_OIDCREQUESTURI", "A_ID_TOKEN"]
    script = done.stdout + "\n" + "\n".join(f'printf "%s\\n" "${name}"' for name in names)
    ran = subprocess.run(["sh", "-eu"], input=script, capture_output=True, text=True, timeout=20, cwd=directory,
                         env=clean_environment())
    assert ran.returncode == 0 and ran.stderr == "", ran
    values = dict(zip(names, ran.stdout.splitlines()))
    assert values["ACTIONS_ID_TOKEN_REQUEST_TOKEN"].startswith("jwj_")
    assert values["ACTIONS_ID_TOKEN_REQUEST_URL"].startswith(issuer.url) and "?" in values["ACTIONS_ID_TOKEN_REQUEST_URL"]
    assert verify_through_discovery(issuer.url, values["A_ID_TOKEN"], "a")
    exported = subprocess.run(["sh", "-eu"], input=done.stdout + "\nprintenv ACTIONS_ID_TOKEN_REQUEST_TOKEN\n",
                              capture_output=True, text=True, timeout=20, env=clean_environment())
    assert exported.stdout.strip() == values["ACTIONS_ID_TOKEN_REQUEST_TOKEN"], "the variables are not exported"


def test_job_start_prints_an_environment_file(issuer, credential_file, facts_file):
    done = start(issuer, credential_file, "--facts", facts_file, "--output", "env")
    assert done.returncode == 0, done.stderr
    values = {}
    for line in done.stdout.splitlines():
        name, separator, value = line.partition("=")
        assert separator and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name), line
        values[name] = shlex.split(value)[0] if value[:1] in "'\"" else value
    assert set(values) == {*ACTIONS, "SYSTEM_OIDCREQUESTURI", "A_ID_TOKEN", "JOBSWORTH_JOB_ID"}
    assert values["ACTIONS_ID_TOKEN_REQUEST_TOKEN"].startswith("jwj_")
    assert verify_through_discovery(issuer.url, values["A_ID_TOKEN"], "a")


def test_job_start_writes_one_file_for_each_variable(issuer, credential_file, facts_file, directory):
    target = directory / "variables"
    target.mkdir(mode=0o700)
    done = start(issuer, credential_file, "--facts", facts_file, "--output", f"dir:{target}")
    assert done.returncode == 0, done.stderr
    assert "jwj_" not in done.stdout and "eyJ" not in done.stdout
    files = {path.name: path for path in target.iterdir() if path.is_file()}
    assert {*ACTIONS, "SYSTEM_OIDCREQUESTURI", "A_ID_TOKEN"} <= set(files)
    for path in files.values():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
    assert verify_through_discovery(issuer.url, files["A_ID_TOKEN"].read_text().strip(), "a")
    assert files["ACTIONS_ID_TOKEN_REQUEST_TOKEN"].read_text().startswith("jwj_")


def test_job_start_makes_the_folder_for_the_owner_alone(issuer, credential_file, facts_file, directory):
    target = directory / "not-there-yet"
    done = start(issuer, credential_file, "--facts", facts_file, "--output", f"dir:{target}")
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(target.stat().st_mode) == 0o700


def test_job_start_follows_no_link_that_lies_in_its_folder(issuer, credential_file, facts_file, directory):
    target, victim = directory / "variables", directory / "victim"
    target.mkdir(mode=0o700)
    victim.write_text("untouched")
    (target / "ACTIONS_ID_TOKEN_REQUEST_TOKEN").symlink_to(victim)
    start(issuer, credential_file, "--facts", facts_file, "--output", f"dir:{target}")
    assert victim.read_text() == "untouched"


@pytest.mark.parametrize("tail", ["", "/", "/.", "//./"])
def test_job_start_writes_through_no_link_to_a_folder(issuer, credential_file, facts_file, directory, tail):
    target, link = directory / "target", directory / "link"
    target.mkdir(mode=0o700)
    link.symlink_to(target)
    done = start(issuer, credential_file, "--facts", facts_file, "--output", f"dir:{link}{tail}")
    assert done.returncode == 1 and "must be a folder" in done.stderr, done
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_job_start_writes_to_no_folder_in_which_others_write(issuer, credential_file, facts_file, directory, mode):
    target = directory / "target"
    target.mkdir()
    target.chmod(mode)
    done = start(issuer, credential_file, "--facts", facts_file, "--output", f"dir:{target}")
    assert done.returncode == 1 and "others must not write" in done.stderr, done
    assert list(target.iterdir()) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be several users")
def test_job_start_writes_to_no_folder_of_another_user(issuer, credential_file, facts_file, directory):
    target = directory / "target"
    target.mkdir(mode=0o700)
    os.chown(target, 64_002, 64_002)
    done = start(issuer, credential_file, "--facts", facts_file, "--output", f"dir:{target}")
    assert done.returncode == 1 and "must belong to this user" in done.stderr, done
    assert list(target.iterdir()) == []


def test_job_start_says_why_it_was_refused(issuer, credential_file, directory):
    file = directory / "facts.json"
    for body, word in [(registration(facts(repository="other/x")), "other/x"), (registration({**facts(), "workflow": ""}),
                                                                              "workflow")]:
        file.write_text(json.dumps(body))
        done = start(issuer, credential_file, "--facts", file)
        assert_refused(done)
        assert word in done.stderr or "repository" in done.stderr


def test_job_start_without_a_credential_or_an_issuer_is_refused(issuer, facts_file, credential_file):
    done = run_cli("job", "start", "--issuer", issuer.url, "--facts", str(facts_file))
    assert done.returncode in (1, 64, 78) and done.stdout == "" and done.stderr.strip()
    done = run_cli("job", "start", "--facts", str(facts_file),
                   environment=clean_environment(JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(credential_file)))
    assert done.returncode in (1, 64, 78) and done.stdout == ""
    assert "issuer" in done.stderr.lower()


def test_job_start_takes_the_issuer_from_the_environment(issuer, facts_file, credential_file):
    for environment in ({"JOBSWORTH_ISSUER": issuer.url},
                        {"JOBSWORTH_ISSUER": issuer.url, "JOBSWORTH_RUNNER_URL": issuer.url}):
        done = run_cli("job", "start", "--facts", str(facts_file), "--output", "json", environment=clean_environment(
            JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(credential_file), **environment))
        assert done.returncode == 0, (environment, done.stderr)


def test_a_server_that_is_not_there_is_said(facts_file, credential_file):
    port = harness.free_port()
    done = run_cli("job", "start", "--issuer", f"http://127.0.0.1:{port}", "--facts", str(facts_file),
                   environment=clean_environment(JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(credential_file)))
    assert_refused(done)
    assert str(port) in done.stderr


def test_the_credential_is_not_shown_and_no_argument(issuer, runner, facts_file, credential_file):
    done = start(issuer, credential_file, "--facts", facts_file)
    assert runner.credential not in done.stdout + done.stderr
    for option in ("--credential", "--runner-credential", "--token"):
        done = run_cli("job", "start", "--issuer", issuer.url, "--facts", str(facts_file), option, runner.credential)
        assert done.returncode != 0 and done.stdout == ""


# --- job token, job end

def only_actions(job, **more: str) -> dict[str, str]:
    return clean_environment(**{name: job.environment[name] for name in ACTIONS}, **more)


def test_job_token_prints_the_token_alone(issuer, job):
    done = run_cli("job", "token", "--audience", "sts.amazonaws.com", environment=only_actions(job))
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\n?", done.stdout)
    assert verify_through_discovery(issuer.url, done.stdout.strip(), "sts.amazonaws.com")


def test_job_token_escapes_its_audience(job):
    audience = "https://rp.example/a?b=c&audience=evil#d%20+"
    done = run_cli("job", "token", "--audience", audience, environment=only_actions(job))
    assert claims_of(done.stdout.strip())["aud"] == audience


def test_job_token_says_why_it_was_refused(issuer, runner, job):
    listed = runner.register(registration(audiences=["a"]))
    refused = run_cli("job", "token", "--audience", "b", environment=only_actions(listed))
    assert_refused(refused)
    assert "audience_not_allowed" in refused.stderr
    own = run_cli("job", "token", "--audience", issuer.url, environment=only_actions(job))
    assert_refused(own)
    runner.end(job.id)
    dead = run_cli("job", "token", "--audience", "a", environment=only_actions(job))
    assert_refused(dead)
    for done in (refused, own, dead):
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert "jwj_" not in done.stderr


def test_job_token_without_its_variables_or_audience_is_refused(job):
    for missing in ACTIONS:
        environment = only_actions(job)
        del environment[missing]
        done = run_cli("job", "token", "--audience", "a", environment=environment)
        assert done.returncode in (1, 64, 78) and done.stdout == ""
        assert missing in done.stderr
    assert_refused(run_cli("job", "token", environment=only_actions(job)), 64)


def test_job_end_by_id_and_by_reference(issuer, runner, credential_file):
    reference = f"builds/{uuid.uuid4().hex}?x=ä&y=%"
    named, other = runner.register(registration(reference=reference)), runner.register()
    environment = clean_environment(JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(credential_file))
    for arguments, job in ((("--reference", reference), named), (("--id", other.id), other)):
        assert job.ask().status == 200
        for _ in range(2):
            done = run_cli("job", "end", "--issuer", issuer.url, *arguments, environment=environment)
            assert done.returncode == 0, done.stderr
            assert done.stdout == ""
        assert_error(job.ask(), 401)
    assert run_cli("job", "end", "--issuer", issuer.url, environment=environment).returncode == 64


def test_start_token_verify_end_work_one_after_the_other(issuer, credential_file, facts_file):
    body = harness.strict_json(start(issuer, credential_file, "--facts", facts_file, "--output", "json").stdout)
    environment = clean_environment(**{name: body["environment"][name] for name in ACTIONS})
    token = run_cli("job", "token", "--audience", "https://rp.example", environment=environment).stdout.strip()
    verified = run_cli("token", "verify", "--issuer", issuer.url, "--audience", "https://rp.example", token)
    assert verified.returncode == 0, verified.stderr
    assert harness.strict_json(verified.stdout) == claims_of(token)
    by_keys = run_cli("token", "verify", "--jwks", issuer.url + "/.well-known/jwks", "--issuer", issuer.url,
                      "--audience", "https://rp.example", stdin=token + "\n")
    assert by_keys.returncode == 0, by_keys.stderr
    ended = run_cli("job", "end", "--issuer", issuer.url, "--id", body["id"],
                    environment=clean_environment(JOBSWORTH_RUNNER_CREDENTIAL_FILE=str(credential_file)))
    assert ended.returncode == 0
    assert_refused(run_cli("job", "token", "--audience", "a", environment=environment))


# --- token inspect

def test_token_inspect_shows_header_and_claims(job):
    token = job.token()
    done = run_cli("token", "inspect", token)
    assert done.returncode == 0, done.stderr
    for text in (harness.header_of(token)["kid"], "RS256", claims_of(token)["sub"], claims_of(token)["jti"]):
        assert text in done.stdout.replace("\\/", "/")


@pytest.mark.parametrize("text", ["x", "a.b.c", "..", "eyJ.eyJ.x", "{}", ""])
def test_token_inspect_refuses_what_is_no_token(text):
    done = run_cli("token", "inspect", *([text] if text else []), stdin="")
    assert done.returncode in (1, 64), done
    assert done.stdout == "" and done.stderr.strip() and "fatal error" not in done.stderr.lower()


# --- token verify, against keys and tokens of the test's own making

ISSUER = "https://issuer.example"
AUDIENCE = "https://rp.example"


class Keys:
    """Private keys of every kind, their JWK Set, and tokens in every state of disrepair."""

    def __init__(self):
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.other_rsa = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.ec384 = ec.generate_private_key(ec.SECP384R1())
        self.ed = ed25519.Ed25519PrivateKey.generate()
        self.small_rsa = rsa.generate_private_key(65537, 1024)
        self.odd_rsa = rsa.generate_private_key(3, 2048)

    @staticmethod
    def rsa_jwk(key, **members) -> dict:
        numbers = key.public_key().public_numbers()

        def octets(number):
            return b64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))

        return {"kty": "RSA", "use": "sig", "alg": "RS256", "n": octets(numbers.n), "e": octets(numbers.e), **members}

    @staticmethod
    def ec_jwk(key, **members) -> dict:
        numbers, size = key.public_key().public_numbers(), (key.curve.key_size + 7) // 8
        return {"kty": "EC", "use": "sig", "alg": f"ES{key.curve.key_size}", "crv": f"P-{key.curve.key_size}",
                "x": b64url(numbers.x.to_bytes(size, "big")), "y": b64url(numbers.y.to_bytes(size, "big")), **members}

    def ed_jwk(self, **members) -> dict:
        raw = self.ed.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {"kty": "OKP", "use": "sig", "alg": "EdDSA", "crv": "Ed25519", "x": b64url(raw), **members}

    def set(self) -> list[dict]:
        return [self.rsa_jwk(self.rsa, kid="r"), self.ec_jwk(self.ec, kid="e")]

    def sign(self, key, alg: str, data: bytes) -> bytes:
        digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}.get(alg[2:])
        if alg.startswith("RS"):
            return key.sign(data, padding.PKCS1v15(), digest)
        if alg.startswith("PS"):
            return key.sign(data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        if alg.startswith("ES"):
            r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
            size = (key.curve.key_size + 7) // 8
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        return key.sign(data)

    def token(self, *, header: dict | bytes | None = None, claims: dict | bytes | None = None, key=None,
              alg: str = "RS256", signed_as: str | None = None) -> str:
        key = key or {"RS": self.rsa, "PS": self.rsa, "ES": self.ec, "Ed": self.ed}[alg[:2]]
        if not isinstance(header, bytes):
            header = json.dumps({"alg": alg, "kid": "e" if alg.startswith("ES") else "r", "typ": "JWT",
                                 **(header or {})}).encode()
        if not isinstance(claims, bytes):
            claims = json.dumps(usual(**(claims or {}))).encode()
        signed = f"{b64url(header)}.{b64url(claims)}"
        return f"{signed}.{b64url(self.sign(key, signed_as or alg, signed.encode()))}"


def usual(**changes) -> dict:
    now = int(time.time())
    claims = {"iss": ISSUER, "sub": "repo:acme/widgets:ref:refs/heads/main", "aud": AUDIENCE, "exp": now + 300,
              "iat": now, "nbf": now - 60, "jti": "x" * 22}
    claims.update(changes)
    return {name: value for name, value in claims.items() if value is not ABSENT}


ABSENT = object()


KEYS = Keys()


@pytest.fixture(scope="module")
def keys():
    return KEYS


@pytest.fixture(scope="module")
def keys_directory():
    made = harness.new_directory()
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def verify(keys, keys_directory):
    """`token verify` against the test's own keys, or others."""

    def run(token: str, *arguments: str, jwks: list | dict | str | None = None, by_stdin: bool = False, usual=True):
        file = keys_directory / f"{uuid.uuid4().hex}.json"
        content = jwks if jwks is not None else keys.set()
        if isinstance(content, list):
            content = {"keys": content}
        file.write_text(content if isinstance(content, str) else json.dumps(content))
        expected = ("--issuer", ISSUER, "--audience", AUDIENCE) if usual else ()
        if by_stdin:
            return run_cli("token", "verify", "--jwks", str(file), *expected, *arguments, stdin=token)
        return run_cli("token", "verify", "--jwks", str(file), *expected, *arguments, token)

    return run


def assert_not_verified(done) -> str:
    """Refused, with a reason code first on stderr and nothing on stdout; the code."""
    assert done.returncode == 1, done
    assert done.stdout == ""
    code = re.match(r"([a-z][a-z0-9]*(?:_[a-z0-9]+)*)\b", done.stderr)
    assert code, f"no reason code first: {done.stderr!r}"
    assert "fatal error" not in done.stderr.lower()
    return code[1]


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_a_good_token_is_verified_and_its_claims_printed(keys, verify, alg):
    claims = usual(aud=["https://other.example", AUDIENCE])
    for aud in (AUDIENCE, claims["aud"]):
        claims["aud"] = aud
        done = verify(keys.token(alg=alg, claims=claims))
        assert done.returncode == 0, done.stderr
        assert harness.strict_json(done.stdout) == claims


def test_a_token_from_stdin_is_verified_with_and_without_a_line_feed(keys, verify):
    for end in ("", "\n", "\r\n"):
        done = verify(keys.token() + end, by_stdin=True)
        assert done.returncode == 0, (end, done.stderr)
    for token in ("", "\n", keys.token() + "\n" + keys.token(), keys.token() + "\n\n\nx"):
        assert verify(token, by_stdin=True).returncode in (1, 64)


def test_an_audience_or_signature_only_has_to_be_said(keys, verify):
    for arguments in ((), ("--issuer", ISSUER)):
        done = verify(keys.token(), *arguments, usual=False)
        assert done.returncode == 64, done
        assert done.stdout == ""


def test_signature_only_prints_the_payloads_bytes_as_they_are(keys, verify, keys_directory):
    for payload in (b'{"b": 1,  "a":2 , "a":3}\n', b"\x00\xff not JSON", json.dumps(usual(exp=1)).encode(), b"x" * 3000):
        for by_stdin in (False, True):
            done = verify(keys.token(claims=payload), "--signature-only", usual=False, by_stdin=by_stdin)
            assert done.returncode == 0, (payload, done.stderr)
            assert done.stdout_bytes == payload
    forged = keys.token(claims=b"{}", key=keys.other_rsa)
    assert_not_verified(verify(forged, "--signature-only", usual=False))


def test_the_algorithms_are_two_unless_more_are_allowed(keys, verify):
    sets = {"RS": keys.rsa_jwk(keys.rsa, kid="k"), "PS": keys.rsa_jwk(keys.rsa, kid="k"),
            "ES": keys.ec_jwk(keys.ec384, kid="k"), "Ed": keys.ed_jwk(kid="k")}
    for alg in ("RS384", "RS512", "PS256", "PS384", "PS512", "ES384", "EdDSA"):
        jwk = {**sets[alg[:2]], "alg": alg}
        token = keys.token(alg=alg, header={"kid": "k"}, key=keys.ec384 if alg == "ES384" else None)
        assert_not_verified(verify(token, jwks=[jwk]))
        allowed = verify(token, "--algorithm", alg, jwks=[jwk])
        assert allowed.returncode == 0, (alg, allowed.stderr)
    for alg in ("none", "HS256", "nonsense", "rs256"):
        assert verify(keys.token(), "--algorithm", alg).returncode in (1, 64), alg


FLAWED_HEADERS = {
    "alg none": {"alg": "none"}, "alg None": {"alg": "None"}, "alg NONE": {"alg": "NONE"}, "alg nOnE": {"alg": "nOnE"},
    "alg empty": {"alg": ""}, "alg null": {"alg": None}, "alg a number": {"alg": 256}, "alg an array": {"alg": ["RS256"]},
    "alg small": {"alg": "rs256"}, "alg with a space": {"alg": "RS256 "}, "alg of the other key": {"alg": "ES256"},
    "alg RS512": {"alg": "RS512"}, "alg PS256": {"alg": "PS256"}, "alg HS256": {"alg": "HS256"},
    "alg EdDSA": {"alg": "EdDSA"}, "alg ES256K": {"alg": "ES256K"},
    "kid unknown": {"kid": "unknown"}, "kid of the other key": {"kid": "e"}, "kid empty": {"kid": ""},
    "kid null": {"kid": None}, "kid a number": {"kid": 1}, "kid an array": {"kid": ["r"]}, "kid longer": {"kid": "r "},
    "kid a path": {"kid": "../../../../etc/passwd"}, "kid SQL": {"kid": "' OR 1=1--"}, "kid NUL": {"kid": "r\u0000"},
    "kid long": {"kid": "r" * 5000}, "kid of another case": {"kid": "R"},
    "jwk": {"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}, "jku": {"jku": "https://evil.example/jwks"},
    "x5u": {"x5u": "https://evil.example/x"}, "x5c": {"x5c": ["MIIB"]}, "x5t": {"x5t": "abc"},
    "crit": {"crit": ["exp"], "exp": 1}, "crit empty": {"crit": []}, "b64": {"b64": False, "crit": ["b64"]},
    "b64 true": {"b64": True}, "zip": {"zip": "DEF"}, "enc": {"enc": "A128GCM"}, "cty": {"cty": "JWT"},
    "an unknown member": {"hello": "world"}, "epk": {"epk": {}}, "nonce": {"nonce": "x"},
    "typ of an access token": {"typ": "at+jwt"}, "typ of a logout token": {"typ": "logout+jwt"},
    "typ a number": {"typ": 1}, "typ null": {"typ": None}, "typ of a proof": {"typ": "dpop+jwt"}, "typ empty": {"typ": ""},
}


@pytest.mark.parametrize("name", FLAWED_HEADERS)
def test_a_token_with_a_flawed_header_is_refused(keys, verify, name):
    assert_not_verified(verify(keys.token(header=FLAWED_HEADERS[name], signed_as="RS256", key=keys.rsa)))


RAW_HEADERS = {
    "alg twice": b'{"alg":"none","alg":"RS256","kid":"r","typ":"JWT"}',
    "alg twice by an escape": b'{"alg":"RS256","\\u0061lg":"none","kid":"r"}', "kid twice": b'{"alg":"RS256","kid":"x","kid":"r"}',
    "no alg": b'{"kid":"r","typ":"JWT"}', "no kid with two keys": b'{"alg":"RS256","typ":"JWT"}',
    "an array": b'[]', "a string": b'"x"', "null": b"null", "nothing": b"", "a mark": b'\xef\xbb\xbf{"alg":"RS256","kid":"r"}',
    "a trailing comma": b'{"alg":"RS256","kid":"r",}', "UTF-16": '{"alg":"RS256","kid":"r"}'.encode("utf-16-le"),
    "more behind it": b'{"alg":"RS256","kid":"r"}x', "NUL": b'{"alg":"RS256","kid":"r"}\x00', "deep": b"[" * 3000,
    "not UTF-8": b'{"alg":"RS256","kid":"\xff"}',
}


@pytest.mark.parametrize("name", RAW_HEADERS)
def test_a_token_whose_header_is_malformed_is_refused(keys, verify, name):
    assert_not_verified(verify(keys.token(header=RAW_HEADERS[name])))


def flawed_claims() -> dict[str, dict]:
    now = int(time.time())
    return {
        "no exp": {"exp": ABSENT}, "exp past": {"exp": now - 120}, "exp a string": {"exp": str(now + 300)},
        "exp null": {"exp": None}, "exp true": {"exp": True}, "exp zero": {"exp": 0}, "exp negative": {"exp": -1},
        "exp a fraction": {"exp": now + 300.5}, "exp huge": {"exp": 10**30}, "exp an array": {"exp": [now + 300]},
        "no iat": {"iat": ABSENT}, "iat in the future": {"iat": now + 3600, "exp": now + 7200},
        "iat a string": {"iat": str(now)}, "iat long ago": {"iat": now - 90_000}, "iat null": {"iat": None},
        "nbf in the future": {"nbf": now + 3600}, "nbf a string": {"nbf": str(now)}, "nbf null": {"nbf": None},
        "no aud": {"aud": ABSENT}, "aud empty": {"aud": ""}, "aud no one": {"aud": []}, "aud null": {"aud": None},
        "aud another": {"aud": "https://other.example"}, "aud longer": {"aud": AUDIENCE + "x"},
        "aud with a slash": {"aud": AUDIENCE + "/"}, "aud a prefix": {"aud": AUDIENCE[:-1]},
        "aud of another case": {"aud": AUDIENCE.upper()}, "aud a number": {"aud": 1}, "aud an object": {"aud": {AUDIENCE: 1}},
        "aud a mixed array": {"aud": [AUDIENCE, 1]}, "aud nested": {"aud": [[AUDIENCE]]}, "aud joined": {"aud": f"{AUDIENCE} x"},
        "no iss": {"iss": ABSENT}, "iss empty": {"iss": ""}, "iss null": {"iss": None}, "iss an array": {"iss": [ISSUER]},
        "iss with a slash": {"iss": ISSUER + "/"}, "iss of another case": {"iss": "https://ISSUER.example"},
        "iss with a port": {"iss": ISSUER + ":443"}, "iss longer": {"iss": ISSUER + ".evil"},
        "iss as a user": {"iss": ISSUER + "@evil.example"}, "iss plain": {"iss": "http://issuer.example"},
        "iss with a space": {"iss": ISSUER + " "}, "iss a prefix": {"iss": ISSUER[:-1]}, "iss a number": {"iss": 1},
        "iss another": {"iss": "https://other.example"}, "iss with a dot": {"iss": ISSUER + "."},
    }


@pytest.mark.parametrize("name", flawed_claims())
def test_a_token_with_flawed_claims_is_refused(keys, verify, name):
    assert_not_verified(verify(keys.token(claims=flawed_claims()[name])))


@pytest.mark.parametrize("payload", [
    b"", b"null", b"[]", b'"x"', b"5", b"{", b"{}", b"\xff", b"[" * 3000, b"not JSON",
], ids=lambda payload: ascii(payload[:10]))
def test_a_payload_that_is_no_object_is_refused(keys, verify, payload):
    assert_not_verified(verify(keys.token(claims=payload)))


def test_a_payload_with_a_claim_twice_is_refused(keys, verify):
    text = json.dumps(usual())
    for more in (f',"aud":"{AUDIENCE}"', ',"iss":"x"', ',"\\u0069ss":"x"', f',"exp":{int(time.time()) + 300}', ',"x":1,"x":2'):
        assert_not_verified(verify(keys.token(claims=(text[:-1] + more + "}").encode())))
    assert_not_verified(verify(keys.token(claims=b"\xef\xbb\xbf" + text.encode())))
    assert_not_verified(verify(keys.token(claims=text.encode("utf-16-le"))))


def spoiled_bytes(keys: Keys) -> dict[str, str]:
    rs, es = keys.token(), keys.token(alg="ES256")
    head, body, signature = rs.split(".")
    es_head, es_body, es_signature = es.split(".")
    raw = harness.unb64url(es_signature)
    der = keys.ec.sign(f"{es_head}.{es_body}".encode(), ec.ECDSA(hashes.SHA256()))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    not_canonical = es_signature[:-1] + alphabet[alphabet.index(es_signature[-1]) + 1]
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

    def es_with(data: bytes) -> str:
        return f"{es_head}.{es_body}.{b64url(data)}"

    return {
        "no signature": f"{head}.{body}.", "two parts": f"{head}.{body}", "one part": head, "four parts": rs + ".x",
        "five parts": "a.b.c.d.e", "a dot before": "." + rs, "a dot behind": rs + ".", "dots": "..", "many dots": "." * 9000,
        "padded": rs + "=", "padded twice": rs + "==", "a padded header": f"{head}=.{body}.{signature}",
        "a space before": " " + rs, "a space within": f"{head}. {body}.{signature}", "a line within": f"{head}.\n{body}.{signature}",
        "plain base64": rs.replace("-", "+").replace("_", "/") if set(rs) & set("-_") else rs + "+",
        "another letter in the signature": f"{head}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}",
        "another letter in the payload": f"{head}.{body[:-2]}{'A' if body[-2] != 'A' else 'B'}{body[-1]}.{signature}",
        "a short signature": f"{head}.{body}.{signature[:-4]}", "a long signature": f"{head}.{body}.{signature}AAAA",
        "not canonical": f"{es_head}.{es_body}.{not_canonical}", "the other token's signature": f"{head}.{body}.{es_signature}",
        "another key": keys.token(key=keys.other_rsa), "DER": es_with(der), "zeroes": es_with(bytes(64)),
        "r of zero": es_with(bytes(32) + raw[32:]), "s of zero": es_with(raw[:32] + bytes(32)),
        "r of the order": es_with(order.to_bytes(32, "big") + raw[32:]), "63 bytes": es_with(raw[:63]), "65 bytes": es_with(raw + b"\0"),
        "leading zeroes": es_with(b"\0" + raw[:32] + b"\0" + raw[32:]), "96 bytes": es_with(bytes(96)), "ones": es_with(b"\xff" * 64),
        "JSON": json.dumps({"protected": head, "payload": body, "signature": signature}),
        "general JSON": json.dumps({"payload": body, "signatures": [{"protected": head, "signature": signature}]}),
        "a scheme before": "Bearer " + rs, "quoted": f'"{rs}"', "not ASCII": rs + "é", "a fullwidth dot": rs.replace(".", "．"),
        "long": rs + "A" * 100_000,
    }


SPOILED = list(spoiled_bytes(KEYS))


@pytest.mark.parametrize("name", SPOILED)
def test_a_token_whose_bytes_are_spoiled_is_refused(keys, verify, name):
    assert_not_verified(verify(spoiled_bytes(keys)[name]))


def test_a_public_key_is_no_shared_secret(keys, verify):
    public = keys.rsa.public_key()
    secrets = [public.public_bytes(encoding, form) for encoding, form in (
        (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        (serialization.Encoding.PEM, serialization.PublicFormat.PKCS1),
        (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))]
    jwk = keys.rsa_jwk(keys.rsa, kid="r")
    secrets += [json.dumps(jwk).encode(), jwk["n"].encode(), base64.urlsafe_b64decode(jwk["n"] + "=="), b""]
    for secret in secrets:
        for alg in ("HS256", "RS256"):
            signed = f"{b64url(json.dumps({'alg': alg, 'kid': 'r'}).encode())}.{b64url(json.dumps(usual()).encode())}"
            mac = hmac.HMAC(secret or b"\0", hashes.SHA256())
            mac.update(signed.encode())
            assert_not_verified(verify(f"{signed}.{b64url(mac.finalize())}"))


def bad_sets(keys: Keys) -> dict[str, list | dict | str]:
    good = keys.rsa_jwk(keys.rsa, kid="r")
    private = keys.rsa.private_numbers()
    return {
        "use enc": [{**good, "use": "enc"}], "key_ops encrypt": [{**good, "use": "sig", "key_ops": ["encrypt"]}],
        "alg of another kind": [{**good, "alg": "ES256"}], "alg RS512": [{**good, "alg": "RS512"}], "alg HS256": [{**good, "alg": "HS256"}],
        "kid twice": [good, keys.rsa_jwk(keys.other_rsa, kid="r")], "kid twice, the other way": [keys.rsa_jwk(keys.other_rsa, kid="r"), good],
        "a private member": [{**good, "d": b64url(private.d.to_bytes(256, "big"))}],
        "1024 bits": [keys.rsa_jwk(keys.small_rsa, kid="r")], "no e": [{name: good[name] for name in good if name != "e"}],
        "e of one": [{**good, "e": "AQ"}], "e even": [{**good, "e": "AQAA"}], "n empty": [{**good, "n": ""}],
        "n padded": [{**good, "n": good["n"] + "=="}], "a modulus of 65536 bits": [{**good, "n": b64url(b"\xff" * 8192)}],
        "kty EC": [{**good, "kty": "EC"}], "kty oct": [{"kty": "oct", "k": "AAAA", "kid": "r", "alg": "RS256"}],
        "no keys": [], "null": "null", "an array": "[]", "nothing": "", "not JSON": "{", "keys an object": {"keys": {"r": good}},
        "keys twice": '{"keys":[],"keys":[%s]}' % json.dumps(good), "another kid": [{**good, "kid": "x"}],
        "kid a number": [{**good, "kid": 1}],
    }


@pytest.mark.parametrize("name", list(bad_sets(KEYS)))
def test_a_key_set_without_one_sound_key_for_the_token_is_refused(keys, verify, name):
    key = keys.small_rsa if name == "1024 bits" else keys.rsa
    assert_not_verified(verify(keys.token(key=key), jwks=bad_sets(keys)[name]))


def test_an_rsa_key_with_another_exponent_is_refused(keys, verify):
    assert_not_verified(verify(keys.token(key=keys.odd_rsa), jwks=[keys.rsa_jwk(keys.odd_rsa, kid="r")]))


@pytest.mark.parametrize("changes", [
    {"crv": "P-384"}, {"crv": "secp256k1"}, {"crv": "p-256"}, {"y": b64url(bytes(32))}, {"x": b64url(bytes(31))}, {"x": ""},
    {"x": b64url(bytes(33))}, {"y": None}, {"kty": "RSA"}, {"kty": "OKP"}, {"alg": "ES384"}, {"alg": "RS256"}, {"use": "enc"},
], ids=str)
def test_a_curve_key_that_is_not_sound_is_refused(keys, verify, changes):
    assert_not_verified(verify(keys.token(alg="ES256"), jwks=[{**keys.ec_jwk(keys.ec, kid="e"), **changes}]))


def test_keys_that_are_not_understood_do_not_spoil_the_set(keys, verify):
    strange = [None, 5, "x", [], {}, {"kty": "oct", "k": "AAAA", "kid": "o"}, {"kty": "AKP", "alg": "ML-DSA-44", "kid": "m"},
               {"kty": "EC", "crv": "secp256k1", "kid": "k", "x": "AA", "y": "AA"}, keys.ed_jwk(kid="d"), {"kty": 7},
               {"kty": "RSA", "kid": "broken", "n": "AQAB", "e": "AQAB"}, {**keys.rsa_jwk(keys.other_rsa, kid="other"), "use": "enc"}]
    done = verify(keys.token(), jwks=[*strange, *keys.set()])
    assert done.returncode == 0, done.stderr
    assert verify(keys.token(alg="ES256"), jwks=[*keys.set(), *strange]).returncode == 0


def test_a_reason_code_tells_the_flaws_apart(keys, verify):
    now = int(time.time())
    codes = [assert_not_verified(done) for done in (
        verify(keys.token(claims={"exp": now - 600, "iat": now - 900})), verify(keys.token(claims={"aud": "x"})),
        verify(keys.token(claims={"iss": "x"})), verify(keys.token(key=keys.other_rsa)),
        verify(keys.token(header={"kid": "x"})), verify(keys.token(header={"alg": "none"})), verify("x"))]
    assert len(set(codes)) == len(codes), codes


def test_a_key_file_that_is_not_there_is_an_error(keys):
    done = run_cli("token", "verify", "--jwks", "/nowhere/jwks.json", "--issuer", ISSUER, "--audience", AUDIENCE, keys.token())
    assert done.returncode == 1 and done.stdout == "" and done.stderr.strip()


def test_pyjwt_agrees_about_the_good_token(keys):
    assert jwt.decode(keys.token(), keys.rsa.public_key(), algorithms=["RS256"], audience=AUDIENCE, issuer=ISSUER)
    assert jwt.decode(keys.token(alg="ES256"), keys.ec.public_key(), algorithms=["ES256"], audience=AUDIENCE, issuer=ISSUER)


def test_the_credential_may_come_from_an_open_descriptor(issuer, credential_file):
    with open(credential_file, "rb") as credential:
        done = subprocess.run(
            [str(harness.binary()), "job", "start", "--issuer", issuer.url, "--credential-fd", str(credential.fileno()),
             "--fact", "repository=acme/by-descriptor", "--fact", "ref=refs/heads/main", "--fact", "workflow=deploy",
             "--fact", "run_id=1", "--permission", "id-token=write"],
            pass_fds=(credential.fileno(),), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20,
            env=clean_environment())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["id_token_request"]["token"].startswith("jwj_")


def test_the_credential_may_come_from_standard_input(issuer, credential_file):
    done = run_cli(
        "job", "start", "--issuer", issuer.url, "--fact", "repository=acme/by-stdin", "--fact", "ref=refs/heads/main",
        "--fact", "workflow=deploy", "--fact", "run_id=1", "--permission", "id-token=write",
        stdin=credential_file.read_bytes())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["id_token_request"]["token"].startswith("jwj_")
