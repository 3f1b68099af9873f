"""`svid …`: what the commands get from a Workload API, show and write, and how they fail."""

from __future__ import annotations

import json
import stat
import time

import grpc
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from workload_api_standin import (  # noqa: F401  a fixture
    SVID_ID, TRUST_DOMAIN, Authority, belong_together, leaf_of, workload_api)

from harness import binary, clean_environment, poll, run_cli, strict_json

TOKEN = "eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl"


@pytest.fixture
def svid(workload_api):  # noqa: F811
    """Runs a command on the stand-in's socket."""
    def run(*arguments, socket: str | None = None, stdin=None, **environment):
        return run_cli("svid", *map(str, arguments), stdin=stdin,
                       environment=clean_environment(SPIFFE_ENDPOINT_SOCKET=socket or workload_api.address, **environment))

    return run


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def one_line(text: str) -> str:
    assert text.startswith("jobsworth: ") and text.endswith("\n") and text.count("\n") == 1, text
    return text


# --- jwt

def test_the_token_is_alone_on_standard_output_and_for_all_audiences(svid, workload_api):  # noqa: F811
    done = svid("jwt", "--audience", "one", "--audience", "https://two.example")
    assert (done.returncode, done.stderr) == (0, "")
    token = done.stdout.removesuffix("\n")
    claims = jwt.decode(token, workload_api.authority.key.public_key(), ["ES256"], audience="one")
    assert claims["aud"] == ["one", "https://two.example"] and claims["sub"] == SVID_ID


def test_the_token_goes_to_a_file_of_ones_own(svid, directory):
    file = directory / "token"
    file.write_text("old")
    file.chmod(0o644)
    done = svid("jwt", "--audience", "a", "--filename", file)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert mode(file) == 0o600
    assert jwt.decode(file.read_text(), options={"verify_signature": False})["aud"] == ["a"]
    assert [path.name for path in directory.iterdir() if "new" in path.name] == []


def test_one_identity_can_be_asked_for(svid):
    other = f"spiffe://{TRUST_DOMAIN}/other"
    done = svid("jwt", "--audience", "a", "--spiffe-id", other, "--json")
    (entry,) = strict_json(done.stdout)["svids"]
    assert entry["spiffe_id"] == other
    assert svid("jwt", "--audience", "a", "--spiffe-id", "spiffe://UPPER/a").returncode == 64


@pytest.mark.parametrize("arguments", [(), ("--audience", ""), ("--audience", "a", "--json", "--filename", "f")])
def test_a_token_for_nobody_is_wrong_usage(svid, arguments):
    done = svid("jwt", *arguments)
    assert done.returncode == 64 and done.stdout == ""


# --- evidence

def test_the_jobs_token_comes_from_an_option_a_file_standard_input_or_the_environment(
        svid, workload_api, directory):  # noqa: F811
    workload_api.needs_token = TOKEN
    file = directory / "job.token"
    file.write_text(TOKEN + "\n")
    ask = ("jwt", "--audience", "a")
    assert svid(*ask).returncode == 1
    for done in (
        svid(*ask, "--identity-exchange-token", TOKEN),
        svid(*ask, "--identity-exchange-token-file", file),
        svid(*ask, "--identity-exchange-token-file", "-", stdin=TOKEN + "\r\n"),
        svid(*ask, SPIFFE_IDENTITY_EXCHANGE_TOKEN=TOKEN),
        svid(*ask, "--identity-exchange-token-file", file, SPIFFE_IDENTITY_EXCHANGE_TOKEN="another"),
    ):
        assert done.returncode == 0, done.stderr
    assert svid("x509", SPIFFE_IDENTITY_EXCHANGE_TOKEN=TOKEN).returncode == 0


def test_no_token_of_the_jobs_is_ever_shown(svid, workload_api, directory):  # noqa: F811
    workload_api.needs_token = "another"
    file = directory / "job.token"
    file.write_text("two\nlines")
    for done in (svid("jwt", "--audience", "a", "--identity-exchange-token", TOKEN),
                 svid("jwt", "--audience", "a", "--identity-exchange-token-file", file)):
        assert done.returncode == 1
        assert TOKEN not in done.stderr and "lines" not in one_line(done.stderr)
    assert svid("jwt", "--audience", "a", "--identity-exchange-token-file", directory / "none").returncode == 1


# --- failures

def test_where_there_is_no_socket_the_line_says_which(svid, directory):
    done = run_cli("svid", "x509", environment=clean_environment())
    assert done.returncode == 78 and "SPIFFE_ENDPOINT_SOCKET" in one_line(done.stderr)
    done = svid("x509", socket=f"unix://{directory}/nothing.sock")
    assert done.returncode == 1 and "there is no socket at" in one_line(done.stderr)
    for text in ("unix://host/path", "tcp://localhost:1", "tcp://127.0.0.1:1/foo", "http://127.0.0.1:1", "relative"):
        done = svid("x509", socket=text)
        assert done.returncode == 78, text
        one_line(done.stderr)


def test_a_socket_nobody_listens_on_is_named(svid, workload_api):  # noqa: F811
    import socket
    path = workload_api.path.with_name("dead.sock")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    done = svid("x509", "--socket", path)
    assert done.returncode == 1 and "nobody listens on" in one_line(done.stderr)


@pytest.mark.parametrize("code, message, expected", [
    (grpc.StatusCode.PERMISSION_DENIED, "no identity issued", "the agent gives this job no identity: no identity issued"),
    (grpc.StatusCode.UNAVAILABLE, "workload attestation failed", "the agent cannot answer now: workload attestation failed"),
    (grpc.StatusCode.INVALID_ARGUMENT, "bad", "the agent refuses the request: bad"),
    (grpc.StatusCode.UNIMPLEMENTED, "", "has no Workload API"),
    (grpc.StatusCode.INTERNAL, "\x1b[31mred\nline", "red line"),
])
@pytest.mark.parametrize("command", [("jwt", "--audience", "a"), ("x509",), ("bundle",)])
def test_what_the_agent_answers_is_one_line(svid, workload_api, command, code, message, expected):  # noqa: F811
    workload_api.refusal = (code, message)
    done = svid(*command)
    assert (done.returncode, done.stdout) == (1, "")
    assert expected in one_line(done.stderr) and "\x1b" not in done.stderr


def test_an_agent_that_is_slow_is_given_up(svid, workload_api):  # noqa: F811
    workload_api.delay = 3
    start = time.monotonic()
    done = svid("jwt", "--audience", "a", "--timeout", "300ms")
    assert done.returncode == 1 and "--timeout" in one_line(done.stderr)
    assert time.monotonic() - start < 3
    assert svid("jwt", "--audience", "a", "--timeout", "never").returncode == 64


# --- x509

def test_the_files_are_named_as_by_spire_and_belong_together(svid, workload_api, directory):  # noqa: F811
    intermediate = Authority(parent=workload_api.authority)
    foreign = Authority("foreign.example")
    workload_api.svids = [intermediate.svid(hint="main"), workload_api.authority.svid(f"spiffe://{TRUST_DOMAIN}/b")]
    workload_api.federated = {"spiffe://foreign.example": foreign.der}
    folder = directory / "svids"
    folder.mkdir()
    done = svid("x509", "--write", folder)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        f"{name}.{number}.{kind}" for number in (0, 1)
        for name, kind in (("svid", "pem"), ("svid", "key"), ("bundle", "pem"), (f"federated_bundle.{number}", "0"))
        for name, kind in [(name, kind) if kind != "0" else (name.rsplit(".", 1)[0], "0.pem")])
    for number in (0, 1):
        parts = [(folder / f"{name}").read_bytes()
                 for name in (f"svid.{number}.pem", f"svid.{number}.key", f"bundle.{number}.pem")]
        assert parts[1].startswith(b"-----BEGIN PRIVATE KEY-----\n")
        assert belong_together(*parts)
        assert mode(folder / f"svid.{number}.key") == 0o600
        assert leaf_of((folder / f"federated_bundle.{number}.0.pem").read_bytes()) == foreign.certificate
    assert len(x509.load_pem_x509_certificates((folder / "svid.0.pem").read_bytes())) == 2
    assert "PRIVATE" not in done.stdout + done.stderr


def test_the_summary_has_spires_shape_and_no_key(svid, workload_api):  # noqa: F811
    foreign = Authority("foreign.example")
    workload_api.svids = [Authority(parent=workload_api.authority).svid(hint="main")]
    workload_api.federated = {"spiffe://foreign.example": foreign.der}
    lines = svid("x509").stdout.splitlines()
    assert lines[0].startswith("Received 1 svid after ") and lines[0].endswith("ms") and lines[1] == ""
    assert lines[2] == f"SPIFFE ID:\t\t{SVID_ID}" and lines[3] == "Hint:\t\t\tmain"
    labels = [line.split("\t")[0] for line in lines[4:]]
    assert labels == [f"{what} Valid {end}:" for what in ("SVID", "Intermediate #1", "CA #1", "[foreign.example] CA #1")
                      for end in ("After", "Until")]
    shown = strict_json(svid("x509", "--json").stdout)
    assert shown["svids"][0]["spiffe_id"] == SVID_ID and len(shown["svids"][0]["authorities"]) == 1
    assert "key" not in json.dumps(shown).lower()


def test_a_set_that_cannot_work_is_not_written(svid, workload_api, directory):  # noqa: F811
    authority = workload_api.authority
    folder = directory / "svids"
    folder.mkdir()
    for wrong, reason in (
        (authority.svid(key=ec.generate_private_key(ec.SECP256R1())), "the key is not that of the certificate"),
        (authority.svid(bundle=Authority().der), "does not lead to the bundle"),
        (authority.svid(uri=f"spiffe://{TRUST_DOMAIN}/another"), "names another SPIFFE ID"),
        (authority.svid(ca=True), "is an authority's"),
        (authority.svid(lifetime=-10), "not valid now"),
        (authority.svid(lifetime=7200, age=-3600), "not valid now"),
    ):
        workload_api.svids = [authority.svid(), wrong]
        done = svid("x509", "--write", folder)
        assert done.returncode == 1 and done.stdout == ""
        assert reason in one_line(done.stderr)
        assert list(folder.iterdir()) == []


def test_answers_the_workload_api_does_not_allow_are_refused(svid, workload_api):  # noqa: F811
    workload_api.svids = []
    assert "without an SVID" in one_line(svid("x509").stderr)
    broken = workload_api.authority.svid()
    broken.x509_svid = broken.x509_svid[:-1]
    workload_api.svids = [broken]
    assert svid("x509").returncode == 1
    broken = workload_api.authority.svid()
    broken.spiffe_id = "https://example.org/a"
    workload_api.svids = [broken]
    assert "no SPIFFE ID" in one_line(svid("x509").stderr)


def test_a_folder_that_others_write_in_gets_no_key(svid, directory):
    open_to_all = directory / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    done = svid("x509", "--write", open_to_all)
    assert done.returncode == 78 and "others may rename" in one_line(done.stderr)
    open_to_all.chmod(0o1777)
    assert svid("x509", "--write", open_to_all).returncode == 0
    assert svid("x509", "--write", directory / "missing").returncode == 78


def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(svid, directory):
    folder = directory / "svids"
    folder.mkdir()
    victim = directory / "victim"
    victim.write_text("mine")
    (folder / "svid.0.key").symlink_to(victim)
    assert svid("x509", "--write", folder).returncode == 0
    assert victim.read_text() == "mine" and not (folder / "svid.0.key").is_symlink()


# --- bundle

def test_bundles_come_as_they_are_and_by_trust_domain(svid, workload_api):  # noqa: F811
    workload_api.federated = {"spiffe://foreign.example": Authority("foreign.example").der}
    assert strict_json(svid("bundle").stdout) == strict_json(workload_api.authority.jwk_set)
    done = svid("bundle", "x509")
    assert done.returncode == 1 and "--trust-domain" in one_line(done.stderr)
    for name in (TRUST_DOMAIN, f"spiffe://{TRUST_DOMAIN}"):
        done = svid("bundle", "x509", "--trust-domain", name)
        assert leaf_of(done.stdout.encode()) == workload_api.authority.certificate
    assert set(strict_json(svid("bundle", "x509", "--json").stdout)["bundles"]) == {
        f"spiffe://{TRUST_DOMAIN}", "spiffe://foreign.example"}
    assert svid("bundle", "--trust-domain", "unknown.example").returncode == 1
    assert svid("bundle", "wit").returncode == 64


# --- validate

def test_a_valid_token_is_shown_and_any_other_is_one_stable_line(svid, workload_api):  # noqa: F811
    token = workload_api.authority.token(["a"])
    for done in (svid("validate", "--audience", "a", token), svid("validate", "--audience", "a", stdin=token + "\n")):
        assert done.returncode == 0
        first, second, third = done.stdout.splitlines()
        assert first == "SVID is valid." and second == f"SPIFFE ID : {SVID_ID}"
        claims = strict_json(third.removeprefix("Claims    : "))
        assert claims["aud"] == ["a"] and isinstance(claims["exp"], int)
    assert strict_json(svid("validate", "--audience", "a", "--json", token).stdout)["spiffe_id"] == SVID_ID
    for audience, text in (("b", token), ("a", workload_api.authority.token(["a"], lifetime=-10)), ("a", "junk")):
        done = svid("validate", "--audience", audience, text)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("SVID is not valid: ") and done.stderr.count("\n") == 1
    workload_api.refusal = (grpc.StatusCode.UNAVAILABLE, "starting")
    assert svid("validate", "--audience", "a", token).stderr.startswith("jobsworth: the agent cannot answer now")


# --- watch

@pytest.fixture
def watch(processes, workload_api, directory):  # noqa: F811
    def start(*arguments):
        out, err = directory / "out", directory / "err"
        process = processes(binary(), "svid", "watch", *arguments, stdout=out.open("wb"), stderr=err.open("wb"),
                            env=clean_environment(SPIFFE_ENDPOINT_SOCKET=workload_api.address))
        return process, lambda: out.read_text().splitlines(), err

    return start


def lines_of(lines, count):
    return poll(lambda: len(lines()) >= count and lines(), seconds=30, what=f"{count} lines")


def test_each_push_is_a_line_and_an_interrupt_the_end(watch, workload_api):  # noqa: F811
    process, lines, _ = watch()
    lines_of(lines, 1)
    workload_api.push([workload_api.authority.svid(hint="new")])
    shown = lines_of(lines, 2)
    assert all(SVID_ID in line for line in shown) and "(new)" in shown[1]
    process.terminate()
    assert process.wait(timeout=20) == 0


@pytest.mark.parametrize("kind, member", [("x509", "svids"), ("x509-bundle", "bundles"), ("jwt-bundle", "bundles")])
def test_a_watch_in_json_is_one_object_a_line_without_keys(watch, workload_api, kind, member):  # noqa: F811
    _, lines, _ = watch(kind, "--json")
    lines_of(lines, 1)
    workload_api.push()
    for line in lines_of(lines, 2):
        assert strict_json(line)[member]
        assert "PRIVATE" not in line and "MI" not in line


def test_a_watch_outlives_its_agent(watch, workload_api):  # noqa: F811
    process, lines, err = watch()
    lines_of(lines, 1)
    workload_api.stop()
    poll(lambda: "jobsworth: " in err.read_text(), seconds=30, what="the complaint")
    workload_api.start()
    lines_of(lines, 2)
    assert process.poll() is None


def test_a_watch_that_can_never_be_answered_ends(watch, workload_api):  # noqa: F811
    workload_api.refusal = (grpc.StatusCode.INVALID_ARGUMENT, "no")
    process, _, err = watch()
    assert process.wait(timeout=30) == 1
    one_line(err.read_text())
