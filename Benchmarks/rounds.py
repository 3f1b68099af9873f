"""The steady loads: ours and every peer in turn, round by round."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable

from .certificate import certificate, offers_http2
from .consumption import family, resident_megabytes
from .contention import jwks_beside_tokens
from .cycles import Cycles
from .exchange import JWKS_PATH, ask, expect
from .faults import say
from .go_peer import go_peer
from .issuer import add_runner, check_audit, check_token, issuer, register_jobs
from .limits import flushes, signatures
from .load import Load, h2load, note, wrk
from .nginx import nginx
from .openbao import FACTS as OPENBAO_FACTS, KEYS_PATH, openbao
from .run import Run
from .target import Target

ALGORITHMS = ("ES256", "RS256")
WARM_UP_SECONDS = 1

# One measurement of a round.
Step = Callable[[Run], None]


def measure(run: Run) -> None:
    """Everything, every process ended at the end."""
    with contextlib.ExitStack() as stack:
        issuers = [stack.enter_context(issuer(run, algorithm, algorithm)) for algorithm in ALGORITHMS]
        for target in issuers:
            prepare(run, target)
        key_set = expect(200, ask(issuers[0].port, "GET", JWKS_PATH), "JWKS")
        run.facts["jwks_bytes"] = len(key_set)
        public = public_plane(run, stack, issuers[0], key_set)
        peers = token_peers(run, stack, issuers[0])
        cycles = stack.enter_context(Cycles.started(run))
        loads = [*(loading(target, wrk) for target in interleaved(issuers, peers)), *public]
        warm_up(run, [*loads, cycles.measure])
        go_rounds(run, [*limits(), *loads, *contention(issuers), cycles.measure])
        run.note("ES256.loaded_mb", resident_megabytes(family(issuers[0].program.pid)))
        run.note("go.loaded_mb", resident_megabytes(family(peers[0].program.pid)))
    for target in issuers:
        run.facts[f"{target.name}.tokens"] = target.answered
        run.facts[f"{target.name}.audit_records"] = check_audit(run, target)


def prepare(run: Run, target: Target) -> None:
    target.requests = register_jobs(run, target, add_runner(run, target.name))
    run.facts[f"{target.name}.token_bytes"] = check_token(run, target, target.name)


def token_peers(run: Run, stack: contextlib.ExitStack, ours: Target) -> list[Target]:
    """Go with ES256, Go with RS256, OpenBao; a token of each is verified with our verifier."""
    peers = list(stack.enter_context(go_peer(run, ours.requests)))
    for peer, algorithm in zip(peers, ALGORITHMS):
        run.facts[f"{peer.name}.token_bytes"] = check_token(run, peer, algorithm)
    bao = stack.enter_context(openbao(run))
    run.facts["openbao.token_bytes"] = check_token(
        run, bao, "ES256", member=("data", "token"), facts=OPENBAO_FACTS, keys=KEYS_PATH,
        issuer_url=f"{bao.url}/v1/identity/oidc",
    )  # fmt: skip
    return [*peers, bao]


def interleaved(issuers: list[Target], peers: list[Target]) -> list[Target]:
    """Each of ours right before the peers of its algorithm."""
    return [issuers[0], peers[0], peers[2], issuers[1], peers[1]]


def public_plane(run: Run, stack: contextlib.ExitStack, ours: Target, key_set: bytes) -> list[Step]:
    files = certificate(run)
    plain, secure = stack.enter_context(nginx(run, key_set, files))
    own = dataclasses.replace(ours, name="jwks", url=ours.url + JWKS_PATH, requests=None)
    over_tls = stack.enter_context(issuer(run, "tls", "ES256", files))
    steps = [loading(own, wrk), loading(plain, wrk)]
    if offers_http2(over_tls.port):
        own_http2 = dataclasses.replace(over_tls, name="jwks.h2", url=over_tls.url + JWKS_PATH)
        steps.append(loading(own_http2, h2load))
    else:
        run.absent.update({"jwks.h2.rate": "not offered", "jwks.h2.cpu_us": "not offered"})
    return [*steps, loading(secure, h2load)]


def loading(target: Target, load: Callable[[Run, Target, int], Load]) -> Step:
    return lambda run: note(run, target.name, load(run, target, run.seconds))


def limits() -> list[Step]:
    def signing(algorithm: str) -> Step:
        return lambda run: run.note(f"openssl.{algorithm}.rate", signatures(run, algorithm))

    return [*map(signing, ALGORITHMS), lambda run: run.note("disk.rate", flushes(run))]


def contention(issuers: list[Target]) -> list[Step]:
    def beside(target: Target) -> Step:
        return lambda run: run.note(f"{target.name}.jwks_p99_ms", jwks_beside_tokens(run, target))

    return [beside(target) for target in issuers]


def warm_up(run: Run, steps: list[Step]) -> None:
    """Once around, for a second each; what was noted is forgotten."""
    say("warm-up")
    for step in steps:
        step(dataclasses.replace(run, seconds=WARM_UP_SECONDS, samples={}))


def go_rounds(run: Run, steps: list[Step]) -> None:
    for number in range(run.rounds):
        say(f"round {number + 1} of {run.rounds}")
        for step in steps:
            step(run)
