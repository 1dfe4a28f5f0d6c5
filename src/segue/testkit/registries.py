"""Does a registry keep versions and move aliases as the port promises?"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from segue.errors import Conflict, NotFound
from segue.ports.registry import Registry
from segue.ports.span import Span
from segue.testkit import samples


class RegistrySuite:
    """What every registry promises; override `registry` and `another`.

    `names` are those of versions in the order of their registration; a registry that counts by itself has to override them.
    """

    names: tuple[str, ...] = ("9", "10", "8")

    @pytest.fixture
    def registry(self) -> Registry:
        """An empty registry."""
        raise NotImplementedError

    @pytest.fixture
    def another(self) -> Registry:
        """Another way in to the same registry, as another process has it."""
        raise NotImplementedError

    @pytest.fixture
    def filled(self, registry: Registry) -> Registry:
        """The registry with versions 7, 8 and 9 of churn, and the alias champion on 7."""
        for version in ("7", "8", "9"):
            registry.register(samples.model_version(version))
        registry.move(samples.alias_move("", "7", "c-0"))
        return registry

    def test_versions_come_back_as_they_were_put_in(self, registry: Registry) -> None:
        """Oldest first, whatever their names; of one model or of all."""
        versions = [samples.model_version(name) for name in self.names]
        other = samples.model_version("1", "delay", warmup=samples.ODD, tags={}, path="/code")
        for version in (*versions, other):
            registry.register(version)
        assert list(registry.versions("churn")) == versions
        assert list(registry.versions()) == [*versions, other]
        assert list(registry.versions("unknown")) == []
        assert list(registry.versions("churn", span=Span(after=1, most=1))) == versions[1:2]

    def test_registering_twice_is_once(self, registry: Registry) -> None:
        """The same content again, at a later time, changes nothing."""
        first = samples.model_version()
        registry.register(first)
        registry.register(samples.model_version(registered_at=samples.NOW + timedelta(days=1)))
        assert list(registry.versions()) == [first]

    @pytest.mark.parametrize("changes", [{"digest": "other"}, {"factory": "models:other"}], ids=["artifact", "factory"])
    def test_a_version_is_never_another_content(self, registry: Registry, changes: dict[str, str]) -> None:
        """Another content under a taken version is a Conflict, and the first stays."""
        first = samples.model_version()
        registry.register(first)
        with pytest.raises(Conflict):
            registry.register(samples.model_version(**changes))
        assert list(registry.versions()) == [first]

    def test_there_is_no_alias_at_first(self, registry: Registry) -> None:
        """None, and no aliases and no moves."""
        registry.register(samples.model_version())
        assert registry.alias("churn", "champion") is None
        assert list(registry.aliases()) == []
        assert list(registry.moves("churn")) == []

    def test_a_move_is_seen_at_once_by_everybody(self, filled: Registry, another: Registry) -> None:
        """No cache: another process sees the alias of now."""
        assert another.alias("churn", "champion") == "7"
        filled.move(samples.alias_move("7", "8"))
        assert another.alias("churn", "champion") == "8"
        assert filled.alias("churn", "champion") == "8"

    def test_a_move_compares_first(self, filled: Registry) -> None:
        """From another version than it points at, or from nothing, is a Conflict that changes nothing and leaves no trace."""
        for before in ("8", ""):
            with pytest.raises(Conflict):
                filled.move(samples.alias_move(before, "9", f"c-{before}"))
        with pytest.raises(Conflict):
            filled.move(samples.alias_move("7", "8", alias="previous"))
        assert list(filled.aliases()) == [("churn", "champion", "7")]
        assert len(filled.moves("churn")) == 1

    def test_a_refused_command_may_try_again(self, filled: Registry) -> None:
        """A Conflict does not use the command up."""
        with pytest.raises(Conflict):
            filled.move(samples.alias_move("8", "9", "c-1"))
        filled.move(samples.alias_move("7", "8"))
        filled.move(samples.alias_move("8", "9", "c-1"))
        assert filled.alias("churn", "champion") == "9"

    def test_a_command_moves_once(self, filled: Registry) -> None:
        """Carried out again, also after somebody has moved the alias on or back, it does nothing."""
        filled.move(samples.alias_move("7", "8", "c-1"))
        filled.move(samples.alias_move("7", "8", "c-1"))
        filled.move(samples.alias_move("8", "7"))
        filled.move(samples.alias_move("7", "8", "c-1"))
        assert filled.alias("churn", "champion") == "7"
        assert [it.after for it in filled.moves("churn")] == ["7", "8", "7"]
        assert [it.after for it in filled.moves("churn", span=Span(after=1, most=1))] == ["8"]

    def test_an_unknown_version_is_not_found(self, filled: Registry) -> None:
        """An alias never points at what is not registered."""
        with pytest.raises(NotFound):
            filled.move(samples.alias_move("7", "70"))
        with pytest.raises(NotFound):
            filled.move(samples.alias_move("", "7", model="unknown"))
        assert list(filled.aliases()) == [("churn", "champion", "7")]

    def test_every_move_is_kept(self, filled: Registry) -> None:
        """Who, when, why and on which evidence, in order, per model."""
        moves = [
            samples.alias_move("", "7", "c-0"),
            samples.alias_move("7", "8"),
            samples.alias_move("", "7", "c-2", alias="previous"),
        ]
        for move in moves[1:]:
            filled.move(move)
        filled.register(samples.model_version("1", "delay"))
        filled.move(samples.alias_move("", "1", model="delay"))
        assert list(filled.moves("churn")) == moves
        assert set(filled.aliases("churn")) == {("churn", "champion", "8"), ("churn", "previous", "7")}
        assert set(filled.aliases()) == {*filled.aliases("churn"), ("delay", "champion", "1")}

    def test_one_of_two_movers_wins(self, filled: Registry, another: Registry) -> None:
        """Of moves from one version at once, exactly one is made."""

        def move(mover: tuple[Registry, str]) -> str | None:
            registry, version = mover
            try:
                registry.move(samples.alias_move("7", version, f"c-{version}"))
            except Conflict:
                return None
            return version

        movers: Sequence[tuple[Registry, str]] = [(filled, "8"), (another, "9")]
        with ThreadPoolExecutor(2) as pool:
            winners = [version for version in pool.map(move, movers) if version]
        assert winners == [filled.alias("churn", "champion")]
        assert len(filled.moves("churn")) == 2
