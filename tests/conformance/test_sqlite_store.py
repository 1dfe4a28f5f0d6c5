"""SQLite passes the suites of the store: in a file in full, in memory all that needs no second opening."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

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


class InFile(StoreFixtures):
    @pytest.fixture
    def opener(self, tmp_path: Path) -> Opener:
        return partial(open_store, f"sqlite:///{tmp_path}/state/segue.db")


class InMemory(StoreFixtures):
    @pytest.fixture
    def opener(self) -> Opener:
        return partial(open_store, "sqlite:///:memory:")


class TestRolloutsInFile(InFile, RolloutSuite):
    pass


class TestCommandsInFile(InFile, CommandSuite):
    pass


class TestAllocationsInFile(InFile, AllocationSuite):
    pass


class TestEndpointsInFile(InFile, EndpointSuite):
    pass


class TestAuditInFile(InFile, AuditSuite):
    pass


class TestTokensInFile(InFile, TokenSuite):
    pass


class TestKeysInFile(InFile, KeySuite):
    """What a file promises."""


class TestSummariesInFile(InFile, SummarySuite):
    pass


class TestProfilesInFile(InFile, ProfileSuite):
    pass


class TestLeasesInFile(InFile, LeaseSuite):
    pass


class TestFenceInFile(InFile, FenceSuite):
    pass


class TestCrashesInFile(InFile, CrashSuite):
    pass


class TestAllocationsInMemory(InMemory, AllocationSuite):
    pass


class TestCommandsInMemory(InMemory, CommandSuite):
    pass


class TestEmbeddedRegistry(RegistrySuite):
    @pytest.fixture
    def registry(self, tmp_path: Path) -> Iterator[Registry]:
        with open_store(f"sqlite:///{tmp_path}/segue.db") as stores:
            yield stores.registry

    @pytest.fixture
    def another(self, tmp_path: Path) -> Iterator[Registry]:
        with open_store(f"sqlite:///{tmp_path}/segue.db") as stores:
            yield stores.registry
