"""Whatever a token request carries beside its audience, no claim of the token changes (threat A04).

Each way is tried with every claim there is: the answer is a refusal, or a token whose claims are those of a plain request.
"""

from __future__ import annotations

import base64
import gzip
import json
import urllib.parse
import uuid

import pytest

import harness
from harness import AZURE_AUDIENCE, FACT_NAMES, GRANT_TYPE, ACCESS_TOKEN_TYPE, bearer, claims_of, full_facts, registration

AUDIENCE = "sts.amazonaws.com"
NAMES = (*FACT_NAMES, "repo", "iss", "sub", "aud", "exp", "iat", "nbf", "jti", "url", "runner", "scope", "azp", "client_id",
         "https://aws.amazon.com/tags", "environment_approved_by", "project_path", "claims")
VICTIM = "victim/secrets"
MOVING = {"jti", "iat", "nbf", "exp"}
FORM = "application/x-www-form-urlencoded"


def quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def fully_encoded(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


def unsecured(claims: dict) -> str:
    head, body = ({"alg": "none", "typ": "JWT"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (head, body)) + "."


class Request:
    """One way's request for one claim: how it goes out, and the audience that its token would have."""

    def __init__(self, method, target, *, headers=(), body=None, audience=AUDIENCE):
        self.method, self.target, self.headers, self.body, self.audience = method, target, list(headers), body, audience


class Caller:
    """What the ways know: the job's own URLs and its token."""

    def __init__(self, job):
        self.job = job
        self.token = job.request_token
        self.authorization = list(bearer(self.token).items())

    def get(self, query, *, headers=(), replace=False, body=None, audience=AUDIENCE, path=None):
        """GitHub's request with `query` behind (or instead of) its own."""
        own = f"{path or self.job.bare_target}?api-version=1"
        target = own + (query if replace else f"&audience={AUDIENCE}{query}")
        fields = list(headers)
        if not any(name == "Authorization" for name, _ in fields):
            fields = self.authorization + fields
        return Request("GET", target, headers=fields, body=body, audience=audience)

    def azure(self, query="", *, headers=(), body=None, audience=AZURE_AUDIENCE):
        return Request("POST", self.job.bare_target + "?api-version=7.1" + query,
                       headers=self.authorization + list(headers), body=body, audience=audience)

    def exchange(self, *more, query="", kind=FORM, body=None, token=None, audience=AUDIENCE):
        pairs = [("grant_type", GRANT_TYPE), ("subject_token_type", ACCESS_TOKEN_TYPE),
                 ("subject_token", token or self.token), ("audience", AUDIENCE), *more]
        return Request("POST", "/token" + query, headers=[("Content-Type", kind)], audience=audience,
                       body=urllib.parse.urlencode(pairs).encode() if body is None else body)

    def agent(self, document, *, headers=(), query="", kind="application/json"):
        """Buildkite's request; a document that is text goes out as it stands."""
        if not isinstance(document, (bytes, str)):
            document = json.dumps({"audience": AUDIENCE, **document})
        body = document.encode() if isinstance(document, str) else document
        return Request("POST", f"/v1/jobs/{self.job.id}/oidc/tokens{query}", body=body,
                       headers=[("Authorization", f"Token {self.token}"), ("Content-Type", kind), *headers])

    def jobs(self, method, document, path=""):
        return Request(method, f"/v1/jobs/{self.job.id}{path}", body=json.dumps(document).encode(),
                       headers=[*self.authorization, ("Content-Type", "application/json")])


WAYS = {
    # The query of GitHub's request.
    "query": lambda c, n: c.get(f"&{quoted(n)}={quoted(VICTIM)}"),
    "query before the audience": lambda c, n: c.get(f"&{quoted(n)}={quoted(VICTIM)}&audience={AUDIENCE}", replace=True),
    "query, encoded name": lambda c, n: c.get(f"&{fully_encoded(n)}={fully_encoded(VICTIM)}"),
    "query, encoded twice": lambda c, n: c.get("&" + quoted(f"{quoted(n)}={quoted(VICTIM)}")),
    "query, upper case": lambda c, n: c.get(f"&{quoted(n.upper())}={quoted(VICTIM)}"),
    "query, list": lambda c, n: c.get(f"&{quoted(n)}[]={quoted(VICTIM)}"),
    "query, member of claims": lambda c, n: c.get(f"&claims[{quoted(n)}]={quoted(VICTIM)}"),
    "query, path of claims": lambda c, n: c.get(f"&claims.{quoted(n)}={quoted(VICTIM)}"),
    "query, JSON claims": lambda c, n: c.get("&claims=" + quoted(json.dumps({n: VICTIM}))),
    "query, OIDC claims": lambda c, n: c.get("&claims=" + quoted(json.dumps({"id_token": {n: {"value": VICTIM}}}))),
    "query, claim pair": lambda c, n: c.get("&claim=" + quoted(f"{n}={VICTIM}")),
    "query, semicolon": lambda c, n: c.get(f"&api-version=1;{quoted(n)}={quoted(VICTIM)}"),
    "query, second question mark": lambda c, n: c.get(f"&?{quoted(n)}={quoted(VICTIM)}"),
    "query, name of the agent's member": lambda c, n: c.get(f"&subject_claim={quoted(n)}&aws_session_tags={quoted(n)}"),
    "query, template": lambda c, n: c.get("&subject_template=" + quoted("{{." + n + "}}") + "&template=x"),
    "query, plus for space": lambda c, n: c.get(f"&+{quoted(n)}={quoted(VICTIM)}"),
    "query, NUL": lambda c, n: c.get(f"&{quoted(n)}%00={quoted(VICTIM)}"),
    "query, fragment": lambda c, n: c.get(f"%23{quoted(n)}={quoted(VICTIM)}", audience=None),
    # Inside the audience.
    "audience, ampersand": lambda c, n: c.get(
        "&audience=" + quoted(f"{AUDIENCE}&{n}={VICTIM}"), replace=True, audience=f"{AUDIENCE}&{n}={VICTIM}"),
    "audience, JSON": lambda c, n: c.get(
        "&audience=" + quoted(f'{AUDIENCE}","{n}":"{VICTIM}'), replace=True, audience=f'{AUDIENCE}","{n}":"{VICTIM}'),
    "audience, closed object": lambda c, n: c.get(
        "&audience=" + quoted(f'a"}},"{n}":{{"x":"'), replace=True, audience=f'a"}},"{n}":{{"x":"'),
    "audience, line end": lambda c, n: c.get("&audience=" + quoted(f"{AUDIENCE}\r\n{n}: {VICTIM}"), replace=True),
    "audience, NUL": lambda c, n: c.get("&audience=" + quoted(f"{AUDIENCE}\0{n}={VICTIM}"), replace=True),
    "audience, twice": lambda c, n: c.get(f"&audience={quoted(n)}"),
    "audience, object": lambda c, n: c.get(
        "&audience=" + quoted(json.dumps({n: VICTIM}, separators=(",", ":"))), replace=True,
        audience=json.dumps({n: VICTIM}, separators=(",", ":"))),
    # The path.
    "path, matrix": lambda c, n: c.get("", path=f"{c.job.bare_target};{quoted(n)}={quoted(VICTIM)}"),
    "path, segments": lambda c, n: c.get("", path=f"{c.job.bare_target}/{quoted(n)}/{quoted(VICTIM)}"),
    "path, encoded question mark": lambda c, n: c.get("", path=f"{c.job.bare_target}%3F{quoted(n)}={quoted(VICTIM)}"),
    # The body of a GET, and its headers.
    "GET with a JSON body": lambda c, n: c.get(
        "", headers=[("Content-Type", "application/json")], body=json.dumps({n: VICTIM}).encode()),
    "GET with a form": lambda c, n: c.get(
        "", headers=[("Content-Type", FORM)], body=urllib.parse.urlencode({n: VICTIM}).encode()),
    "header": lambda c, n: c.get("", headers=[(header_name(n), VICTIM)]),
    "header, X-": lambda c, n: c.get("", headers=[("X-" + header_name(n), VICTIM)]),
    "header, ours": lambda c, n: c.get("", headers=[("X-Jobsworth-" + header_name(n), VICTIM)]),
    "header, GitHub's": lambda c, n: c.get("", headers=[("X-GitHub-" + header_name(n), VICTIM)]),
    "header, Buildkite's": lambda c, n: c.get("", headers=[("Buildkite-" + header_name(n), VICTIM)]),
    "header, JSON claims": lambda c, n: c.get("", headers=[("Claims", json.dumps({n: VICTIM}))]),
    "header, proxy's claims": lambda c, n: c.get("", headers=[("X-Auth-Request-" + header_name(n), VICTIM)]),
    "header, cookie": lambda c, n: c.get("", headers=[("Cookie", f"{header_name(n)}={VICTIM}")]),
    "header, another URL": lambda c, n: c.get(
        "", headers=[("X-Original-URL", f"/?{quoted(n)}={VICTIM}"), ("X-Rewrite-URL", f"/?{quoted(n)}={VICTIM}")]),
    "header, another method": lambda c, n: c.get(
        f"&{quoted(n)}={quoted(VICTIM)}&_method=PATCH", headers=[("X-HTTP-Method-Override", "PATCH")]),
    "header, forwarded": lambda c, n: c.get(
        "", headers=[("Forwarded", f'host="{VICTIM}"'), ("X-Forwarded-Host", "victim.example"),
                     ("X-Forwarded-Proto", "https"), ("X-Forwarded-Prefix", "/" + quoted(n))]),
    "header, Host": lambda c, n: c.get("", headers=[("Host", "victim.example")]),
    "header, behind the token": lambda c, n: c.get(
        "", headers=[("Authorization", f'Bearer {c.token}, {header_name(n)}="{VICTIM}"')]),
    "header, basic beside": lambda c, n: c.get(
        "", headers=[("Authorization", f"Bearer {c.token}"), ("Proxy-Authorization", f"Bearer {unsecured({n: VICTIM})}")]),
    "header, a token of one's own": lambda c, n: c.get(
        "", headers=[("Authorization", f"Bearer {unsecured({n: VICTIM, 'iss': 'self'})}")]),
    "header, identity-exchange-token": lambda c, n: c.get(
        "", headers=[("identity-exchange-token", unsecured({n: VICTIM}))]),
    # Azure's request.
    "Azure, query": lambda c, n: c.azure(f"&{quoted(n)}={quoted(VICTIM)}"),
    "Azure, JSON body": lambda c, n: c.azure(
        headers=[("Content-Type", "application/json")], body=json.dumps({n: VICTIM}).encode()),
    "Azure, form": lambda c, n: c.azure(
        headers=[("Content-Type", FORM)], body=urllib.parse.urlencode({n: VICTIM, "audience": "x"}).encode()),
    "Azure, service connection": lambda c, n: c.azure("&serviceConnectionId=" + quoted(f"{n}={VICTIM}")),
    "Azure, service connection of JSON": lambda c, n: c.azure(
        "&serviceConnectionId=" + quoted(json.dumps({n: VICTIM}))),
    "Azure, service connection twice": lambda c, n: c.azure(f"&serviceConnectionId=a&serviceConnectionId={quoted(n)}"),
    "Azure, version": lambda c, n: c.azure("&x=" + quoted(f"{n}={VICTIM}")),
    "Azure, trailer": lambda c, n: c.azure(
        headers=[("Transfer-Encoding", "chunked"), ("Trailer", header_name(n))],
        body=f"0\r\n{header_name(n)}: {VICTIM}\r\n\r\n".encode()),
    # The form of the token exchange.
    "exchange, parameter": lambda c, n: c.exchange((n, VICTIM)),
    "exchange, parameter twice": lambda c, n: c.exchange((n, VICTIM), (n, VICTIM + "2")),
    "exchange, JSON claims": lambda c, n: c.exchange(("claims", json.dumps({n: VICTIM}))),
    "exchange, member of claims": lambda c, n: c.exchange((f"claims[{n}]", VICTIM)),
    "exchange, options": lambda c, n: c.exchange(("options", json.dumps({"claims": {n: VICTIM}}))),
    "exchange, actor": lambda c, n: c.exchange(
        ("actor_token", unsecured({n: VICTIM})), ("actor_token_type", harness.JWT_TYPE)),
    "exchange, scope": lambda c, n: c.exchange(("scope", f"{n}:{VICTIM}")),
    "exchange, resource": lambda c, n: c.exchange(("resource", f"https://victim.example/{quoted(n)}")),
    "exchange, request object": lambda c, n: c.exchange(("request", unsecured({n: VICTIM}))),
    "exchange, client assertion": lambda c, n: c.exchange(
        ("client_assertion", unsecured({n: VICTIM})), ("assertion", unsecured({n: VICTIM}))),
    "exchange, authorization details": lambda c, n: c.exchange(
        ("authorization_details", json.dumps([{"type": "x", n: VICTIM}]))),
    "exchange, subject token of one's own": lambda c, n: c.exchange(token=unsecured({n: VICTIM})),
    "exchange, behind the subject token": lambda c, n: c.exchange(token=f"{c.token}&{n}={VICTIM}"),
    "exchange, audience twice": lambda c, n: c.exchange(
        ("audience", f"{n}={VICTIM}"), audience=[AUDIENCE, f"{n}={VICTIM}"]),
    "exchange, query": lambda c, n: c.exchange(query=f"?{quoted(n)}={quoted(VICTIM)}"),
    "exchange, JSON": lambda c, n: c.exchange(kind="application/json", body=json.dumps(
        {"subject_token": c.token, "audience": AUDIENCE, "grant_type": GRANT_TYPE, n: VICTIM}).encode()),
    "exchange, multipart": lambda c, n: c.exchange(kind="multipart/form-data; boundary=b", body=(
        f'--b\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{VICTIM}\r\n--b--\r\n').encode()),
    # The body of Buildkite's request.
    "agent, member": lambda c, n: c.agent({n: VICTIM}),
    "agent, escaped member": lambda c, n: c.agent(
        '{"audience":"%s","%s":"%s"}' % (AUDIENCE, "".join(f"\\u{ord(char):04x}" for char in n), VICTIM)),
    "agent, claims object": lambda c, n: c.agent({"claims": {n: VICTIM}}),
    "agent, claims of objects": lambda c, n: c.agent({"claims": [{n: VICTIM}]}),
    "agent, claims of pairs": lambda c, n: c.agent({"claims": [f"{n}={VICTIM}"]}),
    "agent, claims of pairs with a colon": lambda c, n: c.agent({"claims": [f"{n}:{VICTIM}"]}),
    "agent, claims of lists": lambda c, n: c.agent({"claims": [[n, VICTIM]]}),
    "agent, claim by its name": lambda c, n: c.agent({"claims": [n]}),
    "agent, claims twice": lambda c, n: c.agent(
        f'{{"audience":"{AUDIENCE}","claims":[],"claims":{json.dumps({n: VICTIM})}}}'),
    "agent, subject claim": lambda c, n: c.agent({"subject_claim": n}),
    "agent, subject claim pair": lambda c, n: c.agent({"subject_claim": f"{n}={VICTIM}"}),
    "agent, subject claim object": lambda c, n: c.agent({"subject_claim": {n: VICTIM}}),
    "agent, tag pair": lambda c, n: c.agent({"aws_session_tags": [f"{n}={VICTIM}"]}),
    "agent, tags object": lambda c, n: c.agent({"aws_session_tags": {n: [VICTIM]}}),
    "agent, tags of lists": lambda c, n: c.agent({"aws_session_tags": [[n, VICTIM]]}),
    "agent, the tags themselves": lambda c, n: c.agent(
        {"https://aws.amazon.com/tags": {"principal_tags": {n: [VICTIM]}, "transitive_tag_keys": [n]}}),
    "agent, audience object": lambda c, n: c.agent({"audience": {"aud": AUDIENCE, n: VICTIM}}),
    "agent, audience list": lambda c, n: c.agent({"audience": [AUDIENCE, {n: VICTIM}]}),
    "agent, facts": lambda c, n: c.agent({"job": {n: VICTIM}}),
    "agent, further claims": lambda c, n: c.agent({"additional_claims": {n: VICTIM}}),
    "agent, prototype": lambda c, n: c.agent({"__proto__": {n: VICTIM}, "constructor": {"prototype": {n: VICTIM}}}),
    "agent, lifetime of text": lambda c, n: c.agent({"lifetime": f'300,"{n}":"{VICTIM}"'}),
    "agent, second object": lambda c, n: c.agent(json.dumps({"audience": AUDIENCE}) + json.dumps({n: VICTIM})),
    "agent, comment": lambda c, n: c.agent(f'{{"audience":"{AUDIENCE}"/*,*/,"{n}":"{VICTIM}"}}'),
    "agent, array around": lambda c, n: c.agent(json.dumps([{"audience": AUDIENCE, n: VICTIM}])),
    "agent, UTF-16": lambda c, n: c.agent(json.dumps({"audience": AUDIENCE, n: VICTIM}).encode("utf-16")),
    "agent, byte order mark": lambda c, n: c.agent(json.dumps({"audience": AUDIENCE, n: VICTIM}).encode("utf-8-sig")),
    "agent, compressed": lambda c, n: c.agent(
        gzip.compress(json.dumps({"audience": AUDIENCE, n: VICTIM}).encode()), headers=[("Content-Encoding", "gzip")]),
    "agent, form": lambda c, n: c.agent(urllib.parse.urlencode({"audience": AUDIENCE, n: VICTIM}), kind=FORM),
    "agent, query": lambda c, n: c.agent({}, query=f"?{quoted(n)}={quoted(VICTIM)}"),
    "agent, header": lambda c, n: c.agent({}, headers=[("X-" + header_name(n), VICTIM)]),
    # The registration, with the job's own token.
    "PATCH of the job": lambda c, n: c.jobs("PATCH", {"job": {n: VICTIM}}),
    "POST to the job": lambda c, n: c.jobs("POST", {"job": {n: VICTIM}}),
    "PUT to the URL": lambda c, n: c.jobs("PUT", {n: VICTIM}, "/id-token"),
    "heartbeat with facts": lambda c, n: c.jobs("POST", {"job": {n: VICTIM}}, "/heartbeat"),
}


def header_name(claim: str) -> str:
    return "".join(char if char.isalnum() else "-" for char in claim)


def token_in(answer: harness.Answer) -> str:
    (token,) = [value for value in answer.json().values() if isinstance(value, str) and value.startswith("eyJ")]
    return token


@pytest.fixture(scope="module")
def caller(runner):
    # One optional fact is left open, so that there is something to fill.
    return Caller(runner.register(registration(full_facts(job_workflow_sha="", environment="staging"))))


@pytest.fixture(scope="module")
def plain(caller):
    claims = caller.job.claims(AUDIENCE)
    assert claims["aud"] == AUDIENCE
    return claims


def still(claims: dict) -> dict:
    return {name: value for name, value in claims.items() if name not in MOVING | {"aud"}}


def test_there_are_sixty_ways_and_more():
    assert len(WAYS) >= 60 and len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("way", WAYS)
def test_no_claim_is_smuggled_into_a_token(issuer, caller, plain, way):
    for name in NAMES:
        request = WAYS[way](caller, name)
        answer = issuer.call(request.method, request.target, headers=request.headers, body=request.body)
        if answer.status != 200:
            harness.assert_error(answer, (400, 401, 403, 404, 405, 409, 415))
            continue
        claims = claims_of(token_in(answer))
        assert still(claims) == still(plain), (name, answer)
        assert request.audience is None or claims["aud"] == request.audience, (name, answer)
        assert claims["exp"] - claims["iat"] == plain["exp"] - plain["iat"], (name, answer)
        assert claims["iat"] - claims["nbf"] == 60 and abs(claims["iat"] - plain["iat"]) < 3600, (name, answer)


def test_after_all_ways_a_plain_token_is_as_before(caller, plain):
    assert still(caller.job.claims(AUDIENCE)) == still(plain)


def test_the_plain_shapes_get_their_token(issuer, caller, plain):
    """The ways are refused for what is smuggled, and not because nothing works."""
    for request in (caller.get(""), caller.azure(), caller.azure(f"&serviceConnectionId={uuid.uuid4()}"),
                    caller.exchange(), caller.agent({}), caller.agent({"claims": ["sub", "repository"]})):
        answer = issuer.call(request.method, request.target, headers=request.headers, body=request.body)
        assert answer.status == 200, answer
        assert still(claims_of(token_in(answer))) == still(plain)
