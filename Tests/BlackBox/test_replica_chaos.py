"""Three replicas behind HAProxy, a primary and its standby, each on a host of its own, while one thing after another fails.

`python -m soak.replica_chaos` in this folder mixes all of it at random for as long as one likes. It needs root.
"""

from __future__ import annotations

import collections
import random
import shutil

import pytest

import harness
from harness import assert_error, claims_of, poll
from soak.replica_chaos import TIMETABLE, Summary, chaos_at
from soak.replicas import Site, clock_of

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def site():
    directory = harness.new_directory()
    with Site(directory, configuration=TIMETABLE.configuration) as made:
        yield made
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def client(site):
    """This test's sockets are the runner's and the verifier's."""
    with site.client.entered():
        yield
        for replica in site.replicas:
            replica.wait_until_ready()


def assert_kept(site: Site, *faults: str, seconds: float = 60) -> Summary:
    """No promise is broken while these faults come one after another, each under load and forced rotations."""
    seed = random.SystemRandom().getrandbits(32)
    violations, summary = chaos_at(site, seconds=seconds, seed=seed, faults=faults or None)
    assert not violations, "\n".join([f"seed {seed}, {len(violations)} violations", *map(str, violations[:10])])
    assert summary.failed_verifications == 0 and summary.tokens > 50 and summary.verifications > 50, str(summary)
    return summary


def ask(job: harness.Job, replica) -> harness.Answer:
    return replica.call("GET", job.request_target + "&audience=sts.amazonaws.com",
                        headers=harness.bearer(job.request_token))


# --- one fault at a time ---------------------------------------------------------------------------------------------

def test_a_standby_that_is_promoted_under_load_has_everything_that_was_acknowledged(site):
    assert_kept(site, "primary is cut off")


def test_an_old_primary_that_returns_as_it_was_is_believed_by_nobody(site):
    assert_kept(site, "old primary returns")


def test_a_standby_that_shows_late_what_it_has_takes_over_from_a_killed_primary_with_all_of_it(site):
    assert_kept(site, "standby lags")


def test_what_was_registered_is_known_at_every_replica_at_once_while_the_standby_lags(site, client):
    """Threat H11: a look-up that a standby answered would not find the job yet."""
    site.cluster.standby.set(recovery_min_apply_delay="5s")
    try:
        runners = [site.at(replica, site.runner()) for replica in site.replicas]

        def registered_and_asked(number: int) -> int:
            job = runners[number % 3].register()
            return ask(job, site.replicas[(number + 1) % 3]).status

        statuses = collections.Counter(harness.in_parallel(registered_and_asked, range(10_000), threads=8))
        assert statuses == {200: 10_000}
    finally:
        site.cluster.standby.set(recovery_min_apply_delay="0")


def test_without_its_standby_the_primary_acknowledges_nothing_and_goes_on_when_it_is_back(site, client):
    runner = site.runner()
    job = runner.register()
    site.cluster.standby.host.unplug("back")
    try:
        assert_error(ask(job, site.replicas[0]), 503)
        # The public plane does not notice.
        assert site.proxy.get("/.well-known/jwks").status == 200
    finally:
        site.cluster.standby.host.plug_in("back")
    poll(lambda: ask(job, site.replicas[0]).status == 200, seconds=30, what="a token")


def test_a_replica_that_is_cut_off_from_the_database_signs_nothing_and_its_old_keys_are_shown_to_nobody(site):
    assert_kept(site, "replica is cut off from the database", "replica is cut off from the load balancer")


def test_a_replica_whose_clock_is_ten_seconds_off_neither_signs_nor_turns_keys(site, client):
    runner = site.runner()
    job = runner.register()
    replica = site.replicas[0]
    for offset in ("-10", "+10"):
        replica.stop()
        replica.start(**clock_of(offset))
        try:
            poll(lambda: ask(job, replica).status == 503, seconds=10, what="503")
            assert not replica.ready() and replica.get("/.well-known/jwks").status == 200
            assert ask(job, site.replicas[1]).status == 200
            # Whatever it would think due, the others decide.
            refused = site.cli("keys", "rotate", environment=clock_of(offset))
            assert "clock" in refused.stdout + refused.stderr, refused
        finally:
            replica.stop()
            replica.start()
        replica.wait_until_ready()


def test_replicas_are_restarted_in_turn_and_no_request_is_lost(site):
    assert_kept(site, "replicas are restarted in turn", "replica is killed")


def test_a_standby_that_lacks_what_was_acknowledged_is_written_to_by_nobody_who_knows(site, client):
    cluster = site.cluster
    runner = site.runner()
    job = runner.register()
    # What must not be done: the primary is told to wait for nobody, and its standby hears nothing.
    cluster.standby.host.unplug("back")
    cluster.primary.set(synchronous_standby_names="")
    try:
        given = []

        def is_given() -> bool:
            answers = [ask(job, replica) for replica in site.replicas]
            given.extend(claims_of(answer.json()["value"])["jti"] for answer in answers if answer.status == 200)
            return all(answer.status == 200 for answer in answers)

        poll(is_given, seconds=30, what="tokens without a standby")
        cluster.fence("killed")
        # The kernel of a killed primary would still send what lies in its buffers, and then nothing is lost.
        cluster.primary.host.unplug("back")
        cluster.standby.host.plug_in("back")
        cluster.promote()

        # Who is asked finds out, and nobody is given anything.
        def is_noticed(replica) -> bool:
            assert_error(ask(job, replica), 503)
            return "lacks records" in replica.output()

        for replica in site.replicas:
            poll(lambda: is_noticed(replica), seconds=30, every=0.3, what=f"the loss at {replica.name}")
            assert not replica.ready()
        # Nobody is ready, so those who are alive show the keys.
        poll(lambda: site.proxy.get("/.well-known/jwks").status == 200, seconds=10, what="the keys")
        stored = set(cluster.query("SELECT convert_from(document, 'UTF8')::json ->> 'jti' FROM audit WHERE kid IS NOT NULL"))
        assert set(given) - stored
    finally:
        # The loss is accepted: the replicas are restarted.
        for replica in site.replicas:
            replica.stop()
            replica.start()
        cluster.rejoin()
    for replica in site.replicas:
        replica.wait_until_ready()
    fresh = site.runner().register()
    assert ask(fresh, site.replicas[0]).status == 200


# --- all of it -------------------------------------------------------------------------------------------------------

def test_through_two_minutes_of_everything_no_verification_fails_and_nothing_acknowledged_is_lost(site):
    summary = assert_kept(site, seconds=120)
    # Two minutes in which nothing happened would prove nothing.
    assert summary.jobs > 50 and summary.ends > 30 and summary.key_changes > 8 and len(summary.faults) > 8, str(summary)
    assert summary.revocations > 0 and summary.looks > 60 and summary.private_keys > 8, str(summary)
