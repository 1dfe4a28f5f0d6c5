"""How long did a version take from its registration to its promotion? Read off the audit log, which nobody can rewrite."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from segue.ports.audit import Entry


class Milestones(msgspec.Struct, frozen=True, kw_only=True):
    """When a version reached what for the first time; None for not yet.

    Args:
        registered_at: it was entered in the registry.
        shadowed_at: it was asked beside the champion.
        served_at: somebody got an answer of it.
        promoted_at: the champion alias pointed at it.
        rollout: the one that promoted it, or the last that tried, or "".
    """

    model: str
    version: str
    registered_at: datetime | None = None
    shadowed_at: datetime | None = None
    served_at: datetime | None = None
    promoted_at: datetime | None = None
    rollout: str = ""

    @property
    def days_to_market(self) -> float | None:
        """From the registration to the promotion."""
        if self.registered_at is None or self.promoted_at is None:
            return None
        return (self.promoted_at - self.registered_at).total_seconds() / 86_400


def milestones(entries: Iterable[Entry], model: str, *, alias: str = "champion") -> list[Milestones]:
    """Every version of a model that the log knows, in the order in which it first heard of them."""
    found: dict[str, Milestones] = {}

    def reached(version: str, entry: Entry, *names: str, rollout: str = "") -> None:
        known = found.get(version) or Milestones(model=model, version=version)
        fresh = {name: entry.at for name in names if getattr(known, name) is None}
        found[version] = msgspec.structs.replace(known, **fresh, rollout=rollout or known.rollout)

    for entry in entries:
        if entry.deed == "registered" and entry.subject.startswith(f"{model}/"):
            reached(entry.subject.removeprefix(f"{model}/"), entry, "registered_at")
        elif entry.deed == "alias_moved" and entry.facts["alias"] == alias and entry.subject.startswith(f"{model}/"):
            reached(entry.facts["after"], entry, "promoted_at")
        elif entry.deed == "published":
            for version, name in _served(entry, model):
                reached(version, entry, name, rollout=entry.facts["rollout"])
    return list(found.values())


def _served(entry: Entry, model: str) -> Iterable[tuple[str, str]]:
    for fact, target in entry.facts.items():
        if not fact.startswith("version of ") or not target.startswith(f"models:/{model}/"):
            continue
        variant, version = fact.removeprefix("version of "), target.rpartition("/")[2]
        if f"share of {variant}" in entry.facts:
            yield version, "served_at"
        elif f"shadow of {variant}" in entry.facts:
            yield version, "shadowed_at"
