"""Fixtures: issuers that are shared, runners on them, and processes that are ended whatever happens."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

import agents as agents_module
import harness


def pytest_configure(config):
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"  # nothing here leaves the machine
    if not harness.binary().is_file() and not config.option.collectonly:
        raise pytest.UsageError(
            f"no binary at {harness.binary()}: build it with `swift build --product jobsworth`, "
            "or name one in JOBSWORTH_BINARY")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    """Where nothing may be skipped, a skip is a failure."""
    report = (yield).get_result()
    if report.skipped and os.environ.get("JOBSWORTH_NO_SKIPS"):
        report.outcome = "failed"


class Issuers:
    """Makes issuers and ends them all, with their files."""

    def __init__(self):
        self._made: list[harness.Issuer] = []

    def make(self, **options) -> harness.Issuer:
        """An issuer that does not run yet."""
        issuer = harness.Issuer(harness.new_directory(), **options)
        self._made.append(issuer)
        return issuer

    def start(self, **options) -> harness.Issuer:
        return self.make(**options).start()

    def end_all(self) -> None:
        for issuer in self._made:
            issuer.kill()
            shutil.rmtree(issuer.directory, ignore_errors=True)
        self._made.clear()


def _issuers():
    made = Issuers()
    try:
        yield made
    finally:
        made.end_all()


issuers = pytest.fixture(_issuers)
module_issuers = pytest.fixture(_issuers, scope="module")
_session_issuers = pytest.fixture(_issuers, scope="session", name="session_issuers")


@pytest.fixture(scope="session")
def issuer(session_issuers):
    """The issuer that most tests share: RS256, no path, nothing special. Leave it running and its runner alive."""
    return session_issuers.start()


@pytest.fixture(scope="session")
def runner(issuer):
    return issuer.runner("acme/*", "umbrella/*", name="shared")


@pytest.fixture
def credential_file(directory, runner):
    """The shared runner's credential, as its operator keeps it."""
    file = directory / "credential"
    file.touch(mode=0o600)
    file.write_text(runner.credential + "\n")
    return file


@pytest.fixture
def job(runner):
    """A fresh job that may ask for tokens."""
    return runner.register()


@pytest.fixture
def directory():
    """A private directory with a short path."""
    made = harness.new_directory()
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(autouse=True)
def shared_issuer_survives(request):
    """Whatever a test sends, the shared issuer is there afterwards."""
    yield
    if "issuer" in request.fixturenames:
        request.getfixturevalue("issuer").assert_alive()


@pytest.fixture
def processes():
    """Other programs that a test starts, each ended by its own id."""
    started: list[subprocess.Popen] = []

    def start(*arguments, **options) -> subprocess.Popen:
        process = subprocess.Popen([str(argument) for argument in arguments], **options)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


class Agents:
    """Makes agents and issuers of evidence, and ends them all."""

    def __init__(self):
        self._agents: list[agents_module.Agent] = []
        self._issuers: list[agents_module.EvidenceIssuer] = []

    def evidence_issuer(self, path: str = "") -> agents_module.EvidenceIssuer:
        issuer = agents_module.EvidenceIssuer(path)
        self._issuers.append(issuer)
        return issuer

    def make(self, **options) -> agents_module.Agent:
        agent = agents_module.Agent(harness.new_directory(), **options)
        self._agents.append(agent)
        return agent

    def start(self, **options) -> agents_module.Agent:
        return self.make(**options).start()

    def end_all(self) -> None:
        for agent in self._agents:
            agent.kill()
            shutil.rmtree(agent.directory, ignore_errors=True)
        for issuer in self._issuers:
            issuer.stop()


def _agents():
    made = Agents()
    try:
        yield made
    finally:
        made.end_all()


agents = pytest.fixture(_agents)
module_agents = pytest.fixture(_agents, scope="module")
