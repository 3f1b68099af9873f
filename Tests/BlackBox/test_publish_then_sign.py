"""Where publication places are configured, a key signs only after it was seen at every one of them for the lead."""

from __future__ import annotations

import time

import pytest

from harness import header_of, poll, run_cli, strict_json

LEAD = 4


@pytest.fixture
def published(issuers, directory):
    """An issuer that publishes into two folders, with a rotation due every five seconds."""
    places = [directory / "one", directory / "two"]
    for place in places:
        place.mkdir(mode=0o755)
    configuration = directory / "jobsworth.yaml"
    configuration.write_text(f"""\
tokens: {{lifetime: 5, maximumLifetime: 5}}
keys: {{rotationInterval: 5, publicationLead: {LEAD}, gracePeriod: 8, refreshInterval: 1, clockSkew: 1, jwksMaxAge: 2,
       maximumPublished: 20}}
publication:
  places:
    - {{name: one, directory: {places[0]}}}
    - {{name: two, directory: {places[1]}}}
""", "utf-8")
    issuer = issuers.start(arguments=("--config", str(configuration)))
    return issuer, configuration, places


def active(issuer) -> set[str]:
    return {key["kid"] for key in issuer.keys()["keys"] if key["state"] == "active"}


def standbys(issuer) -> set[str]:
    return {key["kid"] for key in issuer.keys()["keys"] if key["state"] == "prepared"}


def publish(issuer, configuration):
    return run_cli("publish", "--config", str(configuration), "--storage", issuer.storage, "--json")


def waits(issuer) -> set[tuple]:
    return {(wait["waits_for"], wait.get("place")) for wait in issuer.keys()["waiting"]}


def test_a_key_that_was_not_published_at_every_place_does_not_sign_however_late_it_is(published):
    issuer, configuration, places = published
    first = active(issuer)
    time.sleep(5 + LEAD + 2)
    assert active(issuer) == first, "a key signs that no place has"
    assert ("publish", "one") in waits(issuer)
    refused = issuer.cli("keys", "rotate", "--now")
    assert refused.returncode == 1 and "standby_not_seen" in refused.stderr
    # One of two places is not enough.
    places[1].chmod(0o777)
    assert publish(issuer, configuration).returncode == 1
    time.sleep(LEAD + 2)
    assert active(issuer) == first
    assert ("publish", "two") in waits(issuer)


def test_a_key_signs_once_every_place_has_held_it_for_the_lead_and_not_before(published):
    issuer, configuration, places = published
    first, next_up = active(issuer), standbys(issuer)
    assert publish(issuer, configuration).returncode == 0
    seen_at = time.monotonic()
    for place in places:
        kids = {key["kid"] for key in strict_json((place / ".well-known/jwks").read_bytes())["keys"]}
        assert first | next_up == kids
    job = issuer.runner("acme/*").register()
    kids = poll(lambda: header_of(job.token())["kid"] in next_up and active(issuer), seconds=20, what="the rotation")
    assert kids == next_up
    assert time.monotonic() - seen_at >= LEAD - 1
    # The next standbys wait for their own publication.
    time.sleep(5 + LEAD)
    assert active(issuer) == next_up


def test_a_revocation_names_the_places_that_still_show_the_key_and_publish_takes_it_from_them(published):
    issuer, configuration, places = published
    kid = sorted(active(issuer))[0]
    assert publish(issuer, configuration).returncode == 0
    revoked = strict_json(issuer.operator("keys", "revoke", kid, "--json"))
    assert {place["place"] for place in revoked["places"] if kid in place["still_holds"]} == {"one", "two"}
    assert publish(issuer, configuration).returncode == 0
    for place in places:
        assert kid.encode() not in (place / ".well-known/jwks").read_bytes()
    # Said again, nothing is left to publish.
    again = strict_json(issuer.operator("keys", "revoke", kid, "--json"))
    assert not any(place["still_holds"] for place in again["places"])
