"""Which versions run, and which of them answers."""

import pytest

from segue.errors import DomainError
from segue.host.plan import Key, Name, needed, read_name, routes

SEVEN, EIGHT, NINE = Key("churn", "7"), Key("churn", "8"), Key("churn", "9")
ALIAS = "models:/churn@champion"


def test_names_are_read() -> None:
    """Both forms of a name are read; a version may hold what an alias may not."""
    assert read_name("models:/churn/2024-01@x"[:-2]) == Name("churn", "2024-01", "")
    assert read_name(ALIAS) == Name("churn", "", "champion")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "churn/8",
        "models:/churn",
        "models:/churn/",
        "models:/churn@",
        "models:/@x",
        "models://8",
        "models:/a/b@c",
        "models:/a/b/c",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    """A text of another form is refused, with the two forms as a hint."""
    with pytest.raises(DomainError, match="names no version"):
        read_name(text)


def test_an_alias_holds_the_old_version_until_the_new_one_is_ready() -> None:
    """While the new version is not ready the old one runs and answers; then it is needed no more."""
    targets, last = {ALIAS: EIGHT}, {ALIAS: SEVEN}
    assert needed(targets, last, {SEVEN}) == {SEVEN, EIGHT}
    assert routes(targets, last, {SEVEN}) == {ALIAS: SEVEN}
    assert needed(targets, last, {SEVEN, EIGHT}) == {EIGHT}
    assert routes(targets, last, {SEVEN, EIGHT}) == {ALIAS: EIGHT}


def test_the_last_good_version_is_started_again() -> None:
    """Where neither is ready, both are needed, and nobody answers."""
    targets, last = {ALIAS: EIGHT}, {ALIAS: SEVEN}
    assert needed(targets, last, set()) == {SEVEN, EIGHT}
    assert routes(targets, last, set()) == {}


def test_an_alias_that_moves_twice_forgets_the_version_between() -> None:
    """A version that never became ready is dropped when the alias moves on."""
    assert needed({ALIAS: NINE}, {ALIAS: SEVEN}, {SEVEN}) == {SEVEN, NINE}


def test_two_names_share_a_version() -> None:
    """One version under two names is one worker, and answers under both."""
    targets = {ALIAS: EIGHT, "models:/churn/8": EIGHT}
    assert needed(targets, {}, set()) == {EIGHT}
    assert routes(targets, {}, {EIGHT}) == targets
