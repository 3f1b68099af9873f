"""Decides from the record of a run whether the issuer kept its promises. Pure: a history in, violations out.

The names are those of the test programme (I1 to I12) and of the threats (G03, G16, G18). Only what the record
proves is a violation: an operation that nobody knows the outcome of may have taken place or not.
"""

from __future__ import annotations

import bisect
import dataclasses
import datetime
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

import jwt

from harness import FACT_NAMES, PRIVATE_JWK_MEMBERS, REGISTERED_CLAIMS, claims_of, header_of, thumbprint
from soak.recorder import NOBODY_LISTENED


@dataclasses.dataclass(frozen=True)
class Rules:
    """What the issuer was told."""

    issuer: str
    lifetime: int
    rotation_interval: int
    publication_lead: int
    maximum_published: int
    always_answered: frozenset[str] = frozenset()
    """The readers of JWK Sets that are answered whatever happens."""
    bounds: tuple[tuple[str, int], ...] = ()
    """The most of each resource that one issuer may take."""


@dataclasses.dataclass(frozen=True)
class Violation:
    name: str
    what: str
    evidence: dict

    def __str__(self) -> str:
        return f"{self.name}: {self.what}: {self.evidence}"


@dataclasses.dataclass
class Event:
    """One operation with what it was asked and what came of it."""

    name: str
    process: str
    asked: dict
    invoked: dict
    outcome: str = "info"
    answer: dict = dataclasses.field(default_factory=dict)
    ended: dict | None = None


@dataclasses.dataclass(frozen=True)
class Token:
    text: str
    job: str
    audience: str
    invoked: float
    answered: float
    """By the wall clock, as `exp` is."""
    header: dict
    claims: dict

    @property
    def evidence(self) -> dict:
        return {"jti": self.claims.get("jti"), "kid": self.header.get("kid"), "job": self.job,
                "iat": self.claims.get("iat"), "exp": self.claims.get("exp"), "answered": self.answered}


@dataclasses.dataclass(frozen=True)
class Answer:
    """One JWK Set as it was received; its age counts from when it was asked for, as in HTTP's caches."""

    sent: float
    received: float
    max_age: float
    keys: list[dict]
    reader: str

    @property
    def kids(self) -> set[str]:
        return {key.get("kid") for key in self.keys}


def signature_verifies(token: str, jwk: dict) -> bool:
    """By a library that shares no code with the issuer."""
    try:
        jwt.decode(token, jwt.PyJWK.from_dict(jwk), algorithms=[jwk["alg"]],
                   options={name: False for name in ("verify_exp", "verify_nbf", "verify_iat", "verify_aud")})
    except jwt.PyJWTError:
        return False
    return True


class Record:
    """A history, sorted for questions."""

    def __init__(self, history: list[dict], rules: Rules, verify: Callable[[str, dict], bool] = signature_verifies):
        self.rules = rules
        self.verify = verify
        self.events = list(events_in(history))
        self.tokens = sorted(map(token_of, self.those("token", "ok")), key=lambda token: token.answered)
        self.answers = sorted(map(answer_of, self.those("jwks", "ok")), key=lambda answer: answer.received)

    def those(self, name: str, *outcomes: str) -> list[Event]:
        return [event for event in self.events
                if event.name == name and (not outcomes or event.outcome in outcomes)]

    def materials(self) -> dict[str, list[dict]]:
        """Each kid with every different key that was ever published under it."""
        found: dict[str, dict] = defaultdict(dict)
        for answer in self.answers:
            for key in answer.keys:
                found[key.get("kid")].setdefault(repr(sorted(key.items())), key)
        return {kid: list(keys.values()) for kid, keys in found.items()}

    def revocations(self) -> dict[str, Event]:
        """Each kid's first request to revoke it that was not refused: from then on nobody needs to accept it."""
        asked: dict[str, Event] = {}
        for event in self.those("revoke", "ok", "info"):
            asked.setdefault(event.asked["kid"], event)
        return asked

    def tokens_by_kid(self) -> dict[str, list[Token]]:
        tokens = defaultdict(list)
        for token in self.tokens:
            tokens[token.header.get("kid")].append(token)
        return tokens


_ENVELOPE = {"number", "process", "operation", "type", "monotonic", "wall"}


def events_in(history: list[dict]) -> Iterator[Event]:
    """Invocations with their outcomes; one that has none is unknown."""
    under_way: dict[int, Event] = {}
    for entry in history:
        values = {name: value for name, value in entry.items() if name not in _ENVELOPE}
        if entry["type"] == "invoke":
            under_way[entry["number"]] = Event(entry["operation"], entry["process"], values, entry)
        else:
            event = under_way[entry["number"]]
            event.outcome, event.answer, event.ended = entry["type"], values, entry
    yield from under_way.values()


def refused(record: Record, name: str) -> list[Event]:
    """Those that were told no, and not only to come back later."""
    return [event for event in record.those(name, "fail") if event.answer["status"] not in (NOBODY_LISTENED, 429, 503)]


def token_of(event: Event) -> Token:
    text = event.answer["token"]
    return Token(text, event.asked["job"], event.asked["audience"], event.invoked["wall"], event.ended["wall"],
                 header_of(text), claims_of(text))


def answer_of(event: Event) -> Answer:
    return Answer(sent=event.invoked["wall"], received=event.ended["wall"], max_age=event.answer["max_age"],
                  keys=event.answer["keys"], reader=event.process)


# --- keys and tokens -------------------------------------------------------------------------------------------------

def every_token_verifies(record: Record) -> Iterator[Violation]:
    """I1: with every JWK Set that somebody received, or still may use, while the token lives."""
    for event in failed_verifications(record):
        yield Violation("I1", "a verifier refused a token", {**event.asked, **event.answer})
    for kid, tokens in record.tokens_by_kid().items():
        yield from _sets_without(record, kid, tokens)
    materials = record.materials()
    for token in record.tokens:
        for key in materials.get(token.header.get("kid"), []):
            if not record.verify(token.text, key):
                yield Violation("I1", "a published key does not verify a token with its kid", token.evidence)


def failed_verifications(record: Record) -> list[Event]:
    """Those of keys that nobody had asked to revoke."""
    revoked = {kid: event.invoked["monotonic"] for kid, event in record.revocations().items()}
    return [event for event in record.those("verify", "fail")
            if event.ended["monotonic"] < revoked.get(event.asked["kid"], float("inf"))]


def _sets_without(record: Record, kid: str, tokens: list[Token]) -> Iterator[Violation]:
    revoked = record.revocations().get(kid)
    answered = [token.answered for token in tokens]
    latest = list(itertools.accumulate((token.claims["exp"] for token in tokens), max))
    for answer in record.answers:
        if kid in answer.kids or (revoked and answer.received > revoked.invoked["wall"]):
            continue
        # Whoever received this set may use it until it is as old as max-age.
        count = bisect.bisect_left(answered, answer.sent + answer.max_age)
        if count and latest[count - 1] > answer.received:
            token = max(tokens[:count], key=lambda token: token.claims["exp"])
            yield Violation("I1", "a usable JWK Set lacks the key of a live token",
                            {**token.evidence, "received": answer.received, "max_age": answer.max_age,
                             "reader": answer.reader, "kids": sorted(answer.kids)})


def every_key_is_seen_before_it_signs(record: Record) -> Iterator[Violation]:
    """I2: for its lead, by the second; the first key of each algorithm, and one in a revoked one's place, excepted."""
    in_haste = {row["kid"] for row in activations(record) if row["reason"] == "revocation"}
    for kid, token, lead in leads(record):
        if kid in in_haste:
            continue
        if lead is None:
            yield Violation("I2", "a key signed that nobody had seen", token.evidence)
        elif lead < record.rules.publication_lead - 1:
            yield Violation("I2", "a key signed too soon after it was first seen", {**token.evidence, "lead": lead})


def leads(record: Record) -> Iterator[tuple[str, Token, float | None]]:
    """Each kid's first token, and how long before it the key was published, at the most that the record allows."""
    first_of_algorithm: set[str] = set()
    first_tokens: dict[str, Token] = {}
    for token in record.tokens:
        first_tokens.setdefault(token.header.get("kid"), token)
    for kid, token in sorted(first_tokens.items(), key=lambda item: item[1].answered):
        if token.header.get("alg") not in first_of_algorithm:
            first_of_algorithm.add(token.header.get("alg"))
            continue
        published = _published(record, kid)
        is_unseen = published is None or published > token.answered
        yield kid, token, None if is_unseen else token.answered - published


def _published(record: Record, kid: str) -> float | None:
    """The last look without it: it was published after that, and nobody knows better; where there is none, long ago."""
    index = next((index for index, answer in enumerate(record.answers) if kid in answer.kids), None)
    if index is None:
        return None
    return record.answers[index - 1].sent if index else 0


def kids_name_keys(record: Record) -> Iterator[Violation]:
    """I3: kid and key belong together for ever, and the kid is the key's RFC 7638 thumbprint."""
    for kid, keys in record.materials().items():
        if len(keys) > 1:
            yield Violation("I3", "one kid, several keys", {"kid": kid, "keys": keys})
        for key in keys:
            if thumbprint(key) != kid:
                yield Violation("I3", "a kid is not its key's thumbprint", {"kid": kid, "thumbprint": thumbprint(key)})


def sets_are_public_and_bounded(record: Record) -> Iterator[Violation]:
    """G16, G18, I11: no more keys than relying parties read, no private member, no kid twice, and no error instead."""
    for event in refused(record, "jwks"):
        yield Violation("I11", "an error in place of the JWK Set", dict(event.answer))
    for answer in record.answers:
        evidence = {"received": answer.received, "kids": [key.get("kid") for key in answer.keys]}
        if len(answer.keys) > record.rules.maximum_published:
            yield Violation("G16", "more keys than may be published", evidence)
        if len(answer.kids) != len(answer.keys):
            yield Violation("I3", "one kid twice in a set", evidence)
        for key in answer.keys:
            if private := PRIVATE_JWK_MEMBERS & key.keys():
                yield Violation("G18", "a private member is published", {**evidence, "members": sorted(private)})


def readers_are_always_answered(record: Record) -> Iterator[Violation]:
    """I11: whatever fails behind the load balancer."""
    for event in record.those("jwks", "fail", "info"):
        if event.process in record.rules.always_answered:
            yield Violation("I11", "nobody answered with the JWK Set",
                            {"reader": event.process, "at": event.invoked["wall"], **event.answer})


def rotations_happen_once(record: Record) -> Iterator[Violation]:
    """G03: several who rotate at once do it once, and the ring's version never goes back."""
    algorithms = {kid: keys[0].get("alg") for kid, keys in record.materials().items()}
    latest: dict[str, tuple[float, str, str]] = {}
    activated: Counter[str] = Counter()
    # Each replica has a log of its own, and nobody knows in which order what one second saw was done.
    for row in sorted(activations(record), key=lambda row: row["at"]):
        activated[row["kid"]] += 1
        if (algorithm := algorithms.get(row["kid"])) is None:
            continue  # from before the record: nobody was shown the key
        at = datetime.datetime.fromisoformat(row["at"]).timestamp()
        before, _, reason = latest.get(algorithm, (float("-inf"), "", ""))
        # In one second the one that was asked for may have been the later.
        is_unclear = at == before and reason != "due"
        if at - before < record.rules.rotation_interval and row["reason"] == "due" and not is_unclear:
            yield Violation("G03", "two activations within one rotation interval",
                            {"kids": [latest[algorithm][1], row["kid"]], "apart": at - latest[algorithm][0]})
        latest[algorithm] = (at, row["kid"], row["reason"])
    for kid, count in activated.items():
        if count > 1:
            yield Violation("G03", "a key was activated more than once", {"kid": kid, "count": count})
    yield from _versions_that_went_back(record)


def activations(record: Record) -> list[dict]:
    return [row for event in record.those("audit_show", "ok") for row in event.answer["records"]
            if row.get("operation") == "key_activate"]


def _versions_that_went_back(record: Record) -> Iterator[Violation]:
    events = sorted(record.those("rotate", "ok"), key=lambda event: event.ended["monotonic"])
    ended = [event.ended["monotonic"] for event in events]
    highest_until = list(itertools.accumulate((event.answer["version"] for event in events), max))
    for event in events:
        before = bisect.bisect_left(ended, event.invoked["monotonic"])
        highest = highest_until[before - 1] if before else 0
        if event.answer["version"] < highest:
            yield Violation("G03", "the ring's version went back",
                            {"version": event.answer["version"], "before": highest})


def every_jti_is_new(record: Record) -> Iterator[Violation]:
    """I7."""
    for jti, count in Counter(token.claims.get("jti") for token in record.tokens).items():
        if count > 1 or not jti:
            yield Violation("I7", "a jti was given more than once, or none", {"jti": jti, "count": count})


# --- jobs ------------------------------------------------------------------------------------------------------------

def acknowledged_jobs_live(record: Record) -> Iterator[Violation]:
    """I4: an acknowledged job is refused nothing before somebody asked for its end; after it was told, everything."""
    asked_to_end: dict[str, float] = {}
    for event in record.those("end"):
        job, at = event.asked["job"], event.invoked["monotonic"]
        asked_to_end[job] = min(at, asked_to_end.get(job, at))
    for event in refused(record, "token"):
        if event.ended["monotonic"] < asked_to_end.get(event.asked["job"], float("inf")):
            yield Violation("I4", "an acknowledged job is not known any more", {**event.asked, **event.answer})
    ended = acknowledged_ends(record)
    for event in record.those("token", "ok"):
        end = ended.get(event.asked["job"])
        if end and event.invoked["monotonic"] > end["monotonic"]:
            yield Violation("I4", "an acknowledged end was forgotten", dict(event.asked))
    for event in refused(record, "end"):
        yield Violation("I4", "an acknowledged job could not be ended", {**event.asked, **event.answer})


def acknowledged_ends(record: Record) -> dict[str, dict]:
    """Each job's first acknowledged end: the times at which it was known."""
    ended: dict[str, dict] = {}
    for event in sorted(record.those("end", "ok"), key=lambda event: event.ended["monotonic"]):
        ended.setdefault(event.asked["job"], event.ended)
    return ended


def no_token_after_an_end(record: Record) -> Iterator[Violation]:
    """I5."""
    ended = acknowledged_ends(record)
    for token in record.tokens:
        end = ended.get(token.job)
        if end and token.claims["iat"] > end["wall"]:
            yield Violation("I5", "a token was issued after the acknowledged end of its job",
                            {**token.evidence, "ended": end["wall"]})


def no_token_of_a_revoked_key(record: Record) -> Iterator[Violation]:
    """I5, for keys: none that was asked for after the acknowledged revocation of the key that signed it."""
    acknowledged = {}
    for event in record.those("revoke", "ok"):
        acknowledged.setdefault(event.asked["kid"], event.ended["wall"])
    for token in record.tokens:
        revoked = acknowledged.get(token.header.get("kid"))
        if revoked and token.invoked > revoked:
            yield Violation("I5", "a revoked key signed", {**token.evidence, "revoked": revoked})


def acknowledged_jobs_are_stored(record: Record) -> Iterator[Violation]:
    """I4: in the database as it is at the end, where somebody looked into it."""
    for shown in record.those("jobs_stored", "ok"):
        stored = shown.answer["ended"]
        for job in sorted({event.answer["job"] for event in record.those("register", "ok")} - stored.keys()):
            yield Violation("I4", "an acknowledged job is not in the database", {"job": job})
        for job in acknowledged_ends(record):
            if not stored.get(job):
                yield Violation("I4", "an acknowledged end is not in the database", {"job": job})


def one_time_things_happen_once(record: Record) -> Iterator[Violation]:
    """I6: one reference is one job, whoever asks how often, before and after a death."""
    jobs, references, made = defaultdict(set), defaultdict(set), Counter()
    for event in record.those("register", "ok"):
        reference, job = event.asked["reference"], event.answer["job"]
        jobs[reference].add(job)
        references[job].add(reference)
        made[reference] += event.answer["status"] == 201
    for reference, ids in jobs.items():
        if len(ids) > 1:
            yield Violation("I6", "one reference, several jobs", {"reference": reference, "jobs": sorted(ids)})
        if made[reference] > 1:
            yield Violation("I6", "one reference was new several times", {"reference": reference})
    for job, names in references.items():
        if len(names) > 1:
            yield Violation("I6", "one job, several references", {"job": job, "references": sorted(names)})
    for event in refused(record, "register"):
        yield Violation("I6", "a registration was refused", {"reference": event.asked["reference"], **event.answer})


def claims_are_what_was_registered(record: Record) -> Iterator[Violation]:
    """I8."""
    registered = {event.answer["job"]: event.asked["registration"]["job"] for event in record.those("register", "ok")}
    for token in record.tokens:
        facts = registered.get(token.job)
        if facts is None:
            yield Violation("I8", "a token of a job that was never acknowledged", token.evidence)
            continue
        for name, wanted in expected_claims(record.rules, facts, token).items():
            if token.claims.get(name) != wanted:
                yield Violation("I8", "a claim is not what was registered",
                                {**token.evidence, "claim": name, "is": token.claims.get(name), "registered": wanted})
        unknown = token.claims.keys() - REGISTERED_CLAIMS - {"repo", "runner"} - facts.keys()
        if unknown:
            yield Violation("I8", "a claim that nobody registered", {**token.evidence, "claims": sorted(unknown)})
        if not 0 < token.claims["exp"] - token.claims["iat"] <= record.rules.lifetime:
            yield Violation("I8", "a lifetime that nobody allowed", token.evidence)


def expected_claims(rules: Rules, facts: dict, token: Token) -> dict:
    """Every fact under its own name; the subject of a push without an environment."""
    expected = {name: facts.get(name) or None for name in FACT_NAMES}
    return {**expected, "iss": rules.issuer, "aud": token.audience, "repo": facts["repository"],
            "sub": f"repo:{escaped(facts['repository'])}:ref:{escaped(facts['ref'])}"}


def escaped(value: str) -> str:
    """As the subject has it: different values never look alike."""
    return "".join(
        chr(byte) if 0x21 <= byte <= 0x7E and byte not in b"%:" else f"%{byte:02X}" for byte in value.encode())


# --- the audit -------------------------------------------------------------------------------------------------------

def every_token_is_recorded_once(record: Record) -> Iterator[Violation]:
    """I9."""
    shown = record.those("audit_show", "ok")
    if not shown:
        yield Violation("I9", "nobody read the audit log", {})
        return
    if not record.those("audit_verify", "ok"):
        yield Violation("I9", "the audit log's chain was not verified", {})
    for event in record.those("audit_verify", "fail"):
        yield Violation("I9", "the audit log's chain does not verify", dict(event.answer))
    rows = defaultdict(list)
    for row in shown[-1].answer["records"]:
        if row.get("operation") == "token" and row.get("decision") == "permit":
            rows[row.get("jti")].append(row)
    for token in record.tokens:
        found = rows.get(token.claims.get("jti"), [])
        if len(found) != 1:
            yield Violation("I9", f"{len(found)} records for one token", token.evidence)
        elif (found[0]["job"], found[0]["kid"], found[0]["exp"]) != (
                token.job, token.header["kid"], token.claims["exp"]):
            yield Violation("I9", "a record says something else than its token", {**token.evidence, "record": found[0]})
    yield from _records_without_requests(record, rows)


def _records_without_requests(record: Record, rows: dict) -> Iterator[Violation]:
    """A record without a token is right where the issuer died before its answer; then somebody asked in vain."""
    known = {event.answer["job"] for event in record.those("register", "ok")}
    recorded = {jti for jti, found in rows.items() if found[0]["job"] in known}
    unheard = recorded - {token.claims.get("jti") for token in record.tokens}
    in_vain = len(record.those("token", "info", "fail"))
    if len(unheard) > in_vain:
        yield Violation("I9", "more records than requests", {"records": len(unheard), "requests": in_vain})


def secrets_are_nowhere(record: Record) -> Iterator[Violation]:
    """I10: no secret that the store held during the run lies where somebody else could read it."""
    for event in record.those("secrets_sought", "ok"):
        for where, names in event.answer["found"].items():
            yield Violation("I10", "a secret lies around", {"where": where, "secrets": names})


def resources_are_bounded(record: Record) -> Iterator[Violation]:
    """I12: whatever happens, an issuer takes no more than this of its machine."""
    for event in record.those("resources", "ok"):
        for name, most in record.rules.bounds:
            if event.answer[name] > most:
                yield Violation("I12", f"{name} beyond {most}", {**event.asked, **event.answer})


CHECKS = (
    every_token_verifies, every_key_is_seen_before_it_signs, kids_name_keys, sets_are_public_and_bounded,
    readers_are_always_answered, rotations_happen_once, acknowledged_jobs_live, no_token_after_an_end,
    no_token_of_a_revoked_key, acknowledged_jobs_are_stored, one_time_things_happen_once, every_jti_is_new,
    claims_are_what_was_registered, every_token_is_recorded_once, secrets_are_nowhere, resources_are_bounded,
)


def check(history: list[dict], rules: Rules,
          verify: Callable[[str, dict], bool] = signature_verifies) -> list[Violation]:
    """Every violation that the history proves."""
    return violations_in(Record(history, rules, verify))


def violations_in(record: Record) -> list[Violation]:
    return [violation for question in CHECKS for violation in question(record)]
