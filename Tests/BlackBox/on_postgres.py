"""A pytest plugin that puts every issuer of the tests on a PostgreSQL database of its own: `make blackbox-postgres`.

The test files that it is used with look at the issuer from outside and never into SQLite's file.
"""

from __future__ import annotations

import databases
import harness

_server: databases.Server | None = None


class _OnPostgres(harness.Issuer):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._url = _server.url(_server.database())
        self.environment = {**self._folder, **self.environment}

    @property
    def _folder(self) -> dict[str, str]:
        return {"JOBSWORTH_STORAGE_DIRECTORY": str(self.store_directory)}

    @property
    def storage(self) -> str:
        return self._url

    def cli(self, *arguments: str, environment: dict[str, str] | None = None, **options):
        environment = {**(harness.clean_environment() if environment is None else environment), **self._folder}
        return super().cli(*arguments, environment=environment, **options)


def pytest_sessionstart(session):
    global _server
    _server = databases.Server(harness.new_directory()).start()
    harness.Issuer = _OnPostgres


def pytest_sessionfinish(session):
    if _server is not None:
        _server.remove()
