"""Does a store keep callers' keys, and the API's tokens and answers, as the ports promise?"""

from datetime import timedelta

import pytest

from segue.errors import Conflict, NotFound
from segue.facts.allocation import Directory, Key
from segue.ports.access import Answered, Token
from segue.ports.span import Span
from segue.testkit import samples
from segue.testkit.stores import Opened, Opener, StoreFixtures


def key(key_id: str = "k1", route: str = "churn", *, minutes: int = 0) -> Key:
    """A key made some minutes after the samples' time."""
    made = samples.NOW + timedelta(minutes=minutes)
    return Key(id=key_id, route=route, name="team-a", digest="00" * 32, created_at=made, expires_at=made + timedelta(days=90))


def directory(store: Opened) -> Directory:
    """The route's, which is there."""
    found = store.allocations.directory("churn")
    assert found is not None
    return found


class KeySuite(StoreFixtures):
    """Inherit it, and override `opener`."""

    def test_what_is_added_is_there(self, store: Opened, opener: Opener) -> None:
        """By value, oldest first, of all routes or of one; for another opening too."""
        late, early, other = key("b", minutes=1), key("c"), key("a", "delay", minutes=2)
        for each in (late, early, other):
            store.keys.add(each)
        again = opener()
        try:
            assert list(again.keys.keys()) == [early, late, other]
            assert list(again.keys.keys("churn")) == [early, late]
            assert list(again.keys.keys(span=Span(after=1, most=1))) == [late]
        finally:
            again.close()

    def test_an_id_is_taken_once(self, store: Opened) -> None:
        """The second is a Conflict, and changes nothing."""
        store.keys.add(key())
        with pytest.raises(Conflict):
            store.keys.add(key(route="delay"))
        assert list(store.keys.keys()) == [key()]

    def test_revoked_is_revoked_once(self, store: Opened) -> None:
        """The first time counts; the key stays in the list, with its end."""
        store.keys.add(key())
        at = samples.NOW + timedelta(hours=1)
        revoked = store.keys.revoke("k1", at)
        assert revoked.revoked_at == at
        assert store.keys.revoke("k1", at + timedelta(hours=1)) == revoked
        assert list(store.keys.keys()) == [revoked]

    def test_an_unknown_key(self, store: Opened) -> None:
        """Nothing to revoke."""
        with pytest.raises(NotFound):
            store.keys.revoke("k1", samples.NOW)

    def test_gateways_learn_of_keys_by_their_poll(self, store: Opened) -> None:
        """A key that is added before or after the allocation is in the next directory, a revoked one or another's is not."""
        store.keys.add(key("early"))
        store.allocations.publish(samples.allocation(), command_id="c1")
        first = directory(store)
        assert [it.id for it in first.keys] == ["early"]
        store.keys.add(key("elsewhere", "delay"))
        assert store.allocations.directory("churn", unless=first.revision) is None
        store.keys.add(key("late", minutes=1))
        second = store.allocations.directory("churn", unless=first.revision)
        assert second is not None
        assert [it.id for it in second.keys] == ["early", "late"]
        store.keys.revoke("early", samples.NOW)
        third = store.allocations.directory("churn", unless=second.revision)
        assert third is not None
        assert [it.id for it in third.keys] == ["late"]


def token(identity: str = "t1", *, minutes: int = 0) -> Token:
    """A token made some minutes after the samples' time."""
    made = samples.NOW + timedelta(minutes=minutes)
    return Token(id=identity, name="ana", role="approver", also=("risk",), digest="00" * 32, created_at=made)


def answered(answer_id: str, *, days: int = 0, status: int = 202) -> Answered:
    """An answer some days after the samples' time."""
    return Answered(id=answer_id, request="r", status=status, body='{"a":"ü"}', at=samples.NOW + timedelta(days=days))


class TokenSuite(StoreFixtures):
    """Inherit it, and override `opener`."""

    def test_what_is_added_is_there(self, store: Opened, opener: Opener) -> None:
        """By value, oldest first, for another opening too; before the first there has never been one."""
        assert not store.tokens.any()
        late, early = token("b", minutes=1), token("c")
        for each in (late, early):
            store.tokens.add(each)
        again = opener()
        try:
            assert list(again.tokens.tokens()) == [early, late]
            assert list(again.tokens.tokens(span=Span(after=1, most=1))) == [late]
            assert again.tokens.token("b") == late
            assert again.tokens.token("d") is None
            assert again.tokens.any()
        finally:
            again.close()

    def test_an_id_is_given_once(self, store: Opened) -> None:
        """The same id again is a Conflict."""
        store.tokens.add(token())
        with pytest.raises(Conflict):
            store.tokens.add(token())

    def test_revoked_stays_revoked(self, store: Opened) -> None:
        """Twice is once, with the first time; there has been a token all the same; an unknown one is NotFound."""
        store.tokens.add(token())
        at = samples.NOW + timedelta(hours=1)
        first = store.tokens.revoke("t1", at)
        assert first.revoked_at == at
        assert store.tokens.revoke("t1", at + timedelta(hours=1)) == first
        assert store.tokens.token("t1") == first
        assert store.tokens.any()
        with pytest.raises(NotFound):
            store.tokens.revoke("t2", at)

    def test_the_first_answer_is_kept(self, store: Opened) -> None:
        """A later one under the same id changes nothing; one from before the given time is forgotten."""
        store.answered.keep(answered("a"), since=samples.NOW)
        store.answered.keep(answered("a", status=500), since=samples.NOW)
        assert store.answered.answered("a") == answered("a")
        assert store.answered.answered("b") is None
        store.answered.keep(answered("b", days=9), since=samples.NOW + timedelta(days=2))
        assert store.answered.answered("a") is None
        assert store.answered.answered("b") == answered("b", days=9)
