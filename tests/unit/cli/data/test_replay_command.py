"""The last decision of a rollout, found by its id alone and counted again."""

import json
from collections.abc import Callable

from command_line import Said


def test_a_decision_is_found_by_its_id(here: Callable[..., Said]) -> None:
    """What the lake says of it now is what it said; an id that nobody gave is not found."""
    last = json.loads(here("history", "churn", "--all", "-o", "json").out)[-1]
    again = here("replay", last["id"])
    assert again.status == 0, again.err
    first, *lines = again.out.splitlines()
    assert first.startswith(f"Decision {last['number']} of churn-1, ")
    assert len(lines) > 1
    assert all(": the same " in line for line in lines)
    missing = here("replay", "nobody's")
    assert missing.status == 5
    assert "there is no decision" in missing.err
