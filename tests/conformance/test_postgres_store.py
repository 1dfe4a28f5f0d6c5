"""PostgreSQL passes the suites of the store, all of them; it is a real server that the tests start."""

from collections.abc import Iterator
from functools import partial

import postgres
import pytest

from segue.adapters.stores.store import open_store
from segue.ports.registry import Registry
from segue.testkit.registries import RegistrySuite
from segue.testkit.serving import AllocationSuite, EndpointSuite
from segue.testkit.stores import CommandSuite, Opener, RolloutSuite, StoreFixtures
from segue.testkit.suites.auditing import AuditSuite
from segue.testkit.suites.crashes import CrashSuite
from segue.testkit.suites.keys import KeySuite, TokenSuite
from segue.testkit.summaries import FenceSuite, LeaseSuite, ProfileSuite, SummarySuite


class OnPostgres(StoreFixtures):
    @pytest.fixture
    def opener(self, postgres_url: str) -> Opener:
        return partial(open_store, postgres_url)


class TestRolloutsOnPostgres(OnPostgres, RolloutSuite):
    pass


class TestCommandsOnPostgres(OnPostgres, CommandSuite):
    pass


class TestAllocationsOnPostgres(OnPostgres, AllocationSuite):
    pass


class TestEndpointsOnPostgres(OnPostgres, EndpointSuite):
    pass


class TestAuditOnPostgres(OnPostgres, AuditSuite):
    pass


class TestTokensOnPostgres(OnPostgres, TokenSuite):
    pass


class TestKeysOnPostgres(OnPostgres, KeySuite):
    """What a server promises."""


class TestSummariesOnPostgres(OnPostgres, SummarySuite):
    pass


class TestLeasesOnPostgres(OnPostgres, LeaseSuite):
    pass


class TestProfilesOnPostgres(OnPostgres, ProfileSuite):
    pass


class TestFenceOnPostgres(OnPostgres, FenceSuite):
    pass


class TestCrashesOnPostgres(CrashSuite):
    @pytest.fixture
    def opener(self, postgres_server: postgres.Server) -> Iterator[Opener]:
        """A database without tables: whoever opens it first makes them."""
        with postgres_server.database(empty=True) as name:
            yield partial(open_store, postgres_server.url(name))


class TestEmbeddedRegistryOnPostgres(RegistrySuite):
    @pytest.fixture
    def registry(self, postgres_url: str) -> Iterator[Registry]:
        with open_store(postgres_url) as stores:
            yield stores.registry

    @pytest.fixture
    def another(self, postgres_url: str) -> Iterator[Registry]:
        with open_store(postgres_url) as stores:
            yield stores.registry
