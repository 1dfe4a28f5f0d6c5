"""What a `/metrics` says, read by the parser of Prometheus' own client."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

Told = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Told:
    """Every sample; each family is said to be something, and no sample is there twice."""
    families = list(text_string_to_metric_families(text))
    assert all(family.documentation and family.type != "unknown" for family in families)
    samples = [((it.name, frozenset(it.labels.items())), it.value) for family in families for it in family.samples]
    assert len(samples) == len(dict(samples)), "a sample is there twice"
    return dict(samples)


def every(told: Told, name: str, **labels: str) -> list[float]:
    """The values of all samples that have these labels among theirs."""
    return [value for (of, mine), value in told.items() if of == name and mine >= set(labels.items())]


def total(told: Told, name: str, **labels: str) -> float:
    """Their sum; there has to be one."""
    found = every(told, name, **labels)
    assert found, f"{name} is not told"
    return sum(found)
