"""The checker is seen to fail: for every promise a small history that keeps it and one that does not."""

from __future__ import annotations

import copy
import datetime
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from harness import thumbprint
from soak import checker
from soak.recorder import Recorder, history_in

ISSUER = "https://ci.example"
RULES = checker.Rules(ISSUER, lifetime=60, rotation_interval=20, publication_lead=8, maximum_published=4,
                      always_answered=frozenset(["p"]), bounds=(("threads", 40),))
START = 1_800_000_000
FACTS = {"repository": "acme/widgets", "ref": "refs/tags/50%", "workflow": "deploy", "run_id": "7"}


class Key:
    """A key pair of the test's own."""

    def __init__(self, algorithm: str):
        self.algorithm = algorithm
        if algorithm == "ES256":
            self.private = ec.generate_private_key(ec.SECP256R1())
            written = jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key())
        else:
            self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            written = jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key())
        self.jwk = {name: value for name, value in json.loads(written).items() if name != "key_ops"}
        self.jwk |= {"alg": algorithm, "use": "sig", "kid": thumbprint(self.jwk)}

    @property
    def kid(self) -> str:
        return self.jwk["kid"]


FIRST, SECOND, OTHER = Key("ES256"), Key("ES256"), Key("RS256")


class Story:
    """A history by hand: what happened at which second."""

    def __init__(self):
        self.entries: list[dict] = []
        self.records: list[dict] = []
        self._numbers = iter(range(1, 1_000))

    def tell(self, at: float, name: str, outcome: str, asked: dict, answer: dict, *, lasted: float = 0.01) -> "Story":
        number = next(self._numbers)
        for kind, moment, values in (("invoke", at, asked), (outcome, at + lasted, answer)):
            self.entries.append({"number": number, "process": "p", "operation": name, "type": kind,
                                 "monotonic": moment, "wall": START + moment, **copy.deepcopy(values)})
        return self

    def registered(self, at: float, job: str = "j1", reference: str = "r1", status: int = 201) -> "Story":
        return self.tell(at, "register", "ok", {"reference": reference, "registration": {"job": FACTS}},
                         {"status": status, "job": job})

    def jwks(self, at: float, *keys: Key | dict, max_age: int = 5) -> "Story":
        return self.tell(at, "jwks", "ok", {},
                         {"max_age": max_age, "keys": [key.jwk if isinstance(key, Key) else key for key in keys]})

    def token(self, at: float, key: Key = FIRST, job: str = "j1", recorded: int = 1, signer: Key | None = None,
              **claims) -> "Story":
        issued = claims.pop("iat", START + int(at))
        says = {"iss": ISSUER, "aud": "a", "sub": "repo:acme/widgets:ref:refs/tags/50%25", "repo": "acme/widgets",
                **FACTS, "iat": issued, "nbf": issued - 60, "exp": issued + 60, "jti": f"t{at}", **claims}
        text = jwt.encode(says, (signer or key).private, algorithm=key.algorithm,
                          headers={"kid": key.kid, "typ": "JWT"})
        self.records += [{"operation": "token", "decision": "permit", "jti": says["jti"], "job": job, "kid": key.kid,
                          "exp": says["exp"]} for _ in range(recorded)]
        return self.tell(at, "token", "ok", {"job": job, "audience": "a"}, {"token": text})

    def no_token(self, at: float, status: int, job: str = "j1") -> "Story":
        return self.tell(at, "token", "fail", {"job": job, "audience": "a"}, {"status": status, "body": ""})

    def ended(self, at: float, job: str = "j1", outcome: str = "ok") -> "Story":
        return self.tell(at, "end", outcome, {"job": job}, {})

    def activated(self, at: float, key: Key) -> "Story":
        moment = datetime.datetime.fromtimestamp(START + at, datetime.timezone.utc).isoformat()
        self.records.append({"operation": "key_activate", "kid": key.kid, "at": moment, "reason": "due"})
        return self

    def rotated(self, at: float, version: int, *, lasted: float = 0.01) -> "Story":
        return self.tell(at, "rotate", "ok", {}, {"version": version, "changes": []}, lasted=lasted)

    def revoked(self, at: float, key: Key, outcome: str = "ok") -> "Story":
        return self.tell(at, "revoke", outcome, {"kid": key.kid}, {})

    def stored(self, **ended: bool) -> "Story":
        return self.tell(800, "jobs_stored", "ok", {}, {"ended": ended})

    def audited(self, verifies: bool = True) -> list[dict]:
        self.tell(900, "audit_show", "ok", {}, {"records": self.records})
        self.tell(901, "audit_verify", "ok" if verifies else "fail", {}, {})
        return self.entries


def names(story: Story, *, verifies: bool = True) -> set[str]:
    return {violation.name for violation in checker.check(story.audited(verifies), RULES)}


def usual() -> Story:
    """A key that signs, a standby that is published ten seconds before it does."""
    return (Story().registered(0).jwks(1, FIRST, OTHER).token(2).jwks(3, FIRST, SECOND, OTHER)
            .jwks(13, FIRST, SECOND, OTHER).token(13.5, SECOND).jwks(60, FIRST, SECOND, OTHER).jwks(64, SECOND, OTHER)
            .activated(2, FIRST).activated(22, SECOND).rotated(1, 1).rotated(2, 2))


def in_haste(reason: str) -> Story:
    """A key that signs seconds after it was published."""
    story = Story().registered(0).jwks(1, FIRST).token(2).jwks(4.9, FIRST, max_age=1).revoked(5, FIRST).jwks(6, SECOND)
    story.token(7, SECOND).activated(6, SECOND)
    story.records[-1]["reason"] = reason
    return story


def elsewhere() -> Story:
    story = usual()
    story.records.append({"operation": "token", "decision": "permit", "jti": "theirs", "job": "theirs"})
    return story


KEPT = {
    "a usual run": usual(),
    "a copy that was stale before the key signed":
        Story().registered(0).jwks(0, FIRST).token(0).jwks(2, FIRST, max_age=3).jwks(4, FIRST, SECOND)
        .jwks(14, FIRST, SECOND).token(14, SECOND),
    "the first key of another algorithm": usual().token(13.6, OTHER),
    "an end that nobody acknowledged": usual().ended(14, outcome="info").no_token(15, 401).token(16, SECOND),
    "a token that came while its job was ended":
        usual().token(14.995, SECOND, iat=START + 14).ended(15).no_token(16, 401),
    "a retried registration": usual().registered(14, status=200),
    "being told to come back": usual().no_token(14, 503).no_token(14, 429).no_token(14, 0),
    "a record whose token was lost": usual().tell(15, "token", "info", {"job": "j1", "audience": "a"}, {}),
    "a revoked key that is out of the set": usual().revoked(30, FIRST).jwks(31, SECOND, OTHER),
    "a revocation of which nobody knows": usual().revoked(30, FIRST, "info").jwks(31, SECOND, OTHER),
    "a verifier that refused a revoked key":
        usual().revoked(30, FIRST).tell(31, "verify", "fail", {"jti": "x", "kid": FIRST.kid}, {"error": "no such key"}),
    "a key in a revoked one's place": in_haste("revocation"),
    "a database that has everything": usual().ended(14).stored(j1=True),
    "a record of somebody else's job": elsewhere(),
    "an issuer that takes what it may": usual().tell(14, "resources", "ok", {"replica": "r1"}, {"threads": 40}),
    "a search that found nothing": usual().tell(899, "secrets_sought", "ok", {}, {"found": {}}),
    "turns at the same time": usual().rotated(30, 5, lasted=2).rotated(31, 4, lasted=3),
}
KEPT["a record whose token was lost"].records.append(
    {"operation": "token", "decision": "permit", "jti": "lost", "job": "j1"})

BROKEN = {
    "a JWK Set without the key of a live token": ("I1", usual().jwks(40, OTHER, SECOND)),
    "a copy that is still fresh when the key signs":
        ("I1", usual().jwks(9, FIRST, OTHER, max_age=5)),
    "a published key that does not verify": ("I1", usual().token(15, SECOND, signer=FIRST)),
    "a verifier that refused": ("I1", usual().tell(15, "verify", "fail", {"jti": "x", "kid": FIRST.kid}, {"error": "no such key"})),
    "a key that nobody saw": ("I2", usual().token(15, Key("ES256"))),
    "a key that was seen too late":
        ("I2", Story().registered(0).jwks(1, FIRST).token(2).jwks(4.9, FIRST).jwks(5, FIRST, SECOND)
         .token(11.5, SECOND)),
    "one kid, two keys": ("I3", usual().jwks(14, SECOND, FIRST, {**OTHER.jwk, "n": FIRST.jwk["x"]})),
    "a kid that is no thumbprint": ("I3", usual().jwks(14, FIRST, SECOND, OTHER, {**Key("ES256").jwk, "kid": "2026"})),
    "one kid twice in a set": ("I3", usual().jwks(14, FIRST, SECOND, SECOND)),
    "an error in place of the JWK Set": ("I11", usual().tell(14, "jwks", "fail", {}, {"status": 500})),
    "too many keys": ("G16", usual().jwks(14, FIRST, SECOND, OTHER, Key("ES256"), Key("ES256"))),
    "a private member": ("G18", usual().jwks(14, FIRST, SECOND, {**OTHER.jwk, "d": "AQAB"})),
    "two activations at once": ("G03", usual().activated(30, FIRST)),
    "a key activated twice": ("G03", usual().activated(100, FIRST)),
    "a version that went back": ("G03", usual().rotated(30, 5).rotated(31, 4)),
    "an acknowledged job that is gone": ("I4", usual().no_token(14, 401)),
    "an acknowledged end that is forgotten": ("I4", usual().ended(14).token(15, SECOND, iat=START + 13)),
    "an end that is refused": ("I4", usual().tell(14, "end", "fail", {"job": "j1"}, {"status": 404})),
    "a revoked key that signs on": ("I5", usual().revoked(14, SECOND).token(16, SECOND)),
    "a verifier that refused before the key was revoked":
        ("I1", usual().tell(15, "verify", "fail", {"jti": "x", "kid": FIRST.kid}, {"error": "?"}).revoked(16, FIRST)),
    "a standby in haste, and nobody revoked": ("I2", in_haste("asked")),
    "a reader that nobody answered": ("I11", usual().tell(14, "jwks", "info", {}, {"error": "lost"})),
    "an acknowledged job that the database lost": ("I4", usual().stored()),
    "an acknowledged end that the database lost": ("I4", usual().ended(14).stored(j1=False)),
    "a token issued after the end": ("I5", usual().ended(14).token(16, SECOND)),
    "one reference, two jobs": ("I6", usual().registered(14, job="j2", status=200)),
    "one reference that is new twice": ("I6", usual().registered(14)),
    "one job, two references": ("I6", usual().registered(14, reference="r2")),
    "a registration that is refused":
        ("I6", usual().tell(14, "register", "fail", {"reference": "r1"}, {"status": 409})),
    "a jti given twice": ("I7", usual().token(15, SECOND, jti="t2")),
    "a token without jti": ("I7", usual().token(15, SECOND, jti=None)),
    "a claim that differs": ("I8", usual().token(15, SECOND, workflow="Deploy")),
    "a claim that is missing": ("I8", usual().token(15, SECOND, run_id=None)),
    "a claim that nobody registered": ("I8", usual().token(15, SECOND, admin="true")),
    "a fact that nobody registered": ("I8", usual().token(15, SECOND, environment="production")),
    "a subject that is not escaped": ("I8", usual().token(15, SECOND, sub="repo:acme/widgets:ref:refs/tags/50%")),
    "another issuer": ("I8", usual().token(15, SECOND, iss=ISSUER + "/")),
    "another audience": ("I8", usual().token(15, SECOND, aud="b")),
    "too long a life": ("I8", usual().token(15, SECOND, exp=START + 15 + 61)),
    "a token of an unknown job": ("I8", usual().token(15, SECOND, job="j9")),
    "a token without a record": ("I9", usual().token(15, SECOND, recorded=0)),
    "a token with two records": ("I9", usual().token(15, SECOND, recorded=2)),
    "a record that nobody asked for": ("I9", usual().token(15, SECOND, recorded=1)),
    "a record of another key": ("I9", usual().token(15, SECOND)),
    "a secret in a log": ("I10", usual().tell(899, "secrets_sought", "ok", {}, {"found": {"r1.log": ["sealing key"]}})),
    "an issuer that takes too much": ("I12", usual().tell(14, "resources", "ok", {"replica": "r1"}, {"threads": 41})),
}
BROKEN["a record that nobody asked for"][1].records.append(
    {"operation": "token", "decision": "permit", "jti": "odd", "job": "j1"})
BROKEN["a record of another key"][1].records[-1]["kid"] = FIRST.kid


@pytest.mark.parametrize("title", KEPT)
def test_a_history_that_keeps_every_promise_has_no_violation(title):
    assert names(KEPT[title]) == set()


@pytest.mark.parametrize("title", BROKEN)
def test_a_history_that_breaks_one_promise_is_found_out(title):
    expected, story = BROKEN[title]
    assert expected in names(story)


def test_an_audit_log_whose_chain_does_not_verify_is_found_out():
    assert names(usual(), verifies=False) == {"I9"}


def test_a_history_without_an_audit_is_found_out():
    story = usual()
    assert {violation.name for violation in checker.check(story.entries, RULES)} == {"I9"}


def test_a_key_that_nobody_looked_for_may_have_been_published_since_the_last_look():
    def story(looked: float) -> Story:
        return (Story().registered(0).jwks(1, FIRST).token(2).jwks(looked, FIRST, max_age=1)
                .jwks(6, FIRST, SECOND).token(11.5, SECOND))

    assert names(story(4)) == set()
    assert names(story(5)) == {"I2"}


def test_an_operation_without_an_outcome_is_unknown():
    recorder = Recorder()
    recorder.invoke("p", "end", job="j1")
    event, = checker.events_in(recorder.history)
    assert (event.outcome, event.ended) == ("info", None)


def test_the_recorder_tells_refused_from_unknown(tmp_path):
    recorder = Recorder(tmp_path / "record.jsonl")
    with recorder.invoke("p", "end", job="j1"):
        raise ConnectionRefusedError
    with recorder.invoke("p", "end", job="j1"):
        raise ConnectionResetError
    with recorder.invoke("p", "end", job="j1") as operation:
        operation.ok()
    recorder.close()
    assert [event.outcome for event in checker.events_in(recorder.history)] == ["fail", "info", "ok"]
    assert history_in(tmp_path / "record.jsonl") == recorder.history
