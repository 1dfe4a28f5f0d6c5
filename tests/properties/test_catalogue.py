"""What holds for every kind of metric, proven kind by kind over the whole catalogue."""

import inspect
import json
import random
from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.lakes.folder import FolderLake
from segue.facts.evidence import NotEnough
from segue.facts.merging import merge
from segue.facts.outcome import Outcome
from segue.facts.prediction import Prediction
from segue.facts.question import MetricRef
from segue.facts.summary import Cell, Summary
from segue.facts.wire.codec import from_json, to_json
from segue.measure.kinds.catalogue import ENTRIES, value
from segue.spec.catalogue.kind import PARAMETERS
from segue.spec.metric import FAMILIES, KINDS, Metric, identity
from segue.testkit.measured import Seen, ask, measured
from segue.testkit.worlds import World, outcome, prediction, shadow

N = 300
DAYS = 4
Setting = str | float
Rows = list[Prediction | Outcome]

VALUES: dict[str, tuple[Setting, ...]] = {
    "positive": ("1", "2"),
    "q": (0.5, 0.9),
    "average": ("binary", "macro", "micro", "weighted"),
    "threshold": (0.4, 0.55),
    "beta": (1.0, 2.0),
    "weights": ("none", "linear", "quadratic"),
    "predicted": ("1", "2"),
    "actual": ("0", "1"),
    "tp": (0.0, 1.0),
    "fp": (1.0, 2.0),
    "fn": (1.0, 2.0),
    "tn": (0.0, 1.0),
    "bins": ("uniform", "mass"),
    "count": (15.0, 7.0),
    "share": (0.1, 0.3),
    "weighting": ("macro", "weighted"),
    "pairing": ("rest", "one"),
    "k": (2.0, 3.0),
    "over": ("country", "tier"),
    "as": ("difference", "ratio"),
    "versus": ("groups", "overall"),
    "together": ("worst", "mean"),
    "least": (1.0,),
    "base": ("accuracy", "error_rate"),
    "grid": (1000.0, 10.0),
    "margin": (0.1, 0.3),
    "error": ("timeout", "reset"),
    "hourly": ("mean", "peak"),
    "side": ("response", "request"),
    "per": ("outcome.shown", "outcome.clicks"),
    "after": ("outcome.cart", "outcome.shown"),
    "before": ("past", "age"),
    "centre": (20.0, 30.0),
    "days": (1.0, 2.0),
    "eps": (0.3,),
    "gains": ("linear", "exponential"),
    "ideal": ("all", "list"),
    "without": ("exclude", "zero"),
    "shorter": ("k", "list"),
    "denominator": ("relevant", "capped"),
    "mark": ("/", "-"),
    "size": (50.0, 100.0),
    "against": ("outcome", "champion"),
    "scaled": ("none", "longest"),
    "tokenize": ("13a", "char", "none"),
    "range": (255.0, 100.0),
}
"""For each parameter, values that must all give different numbers."""

OF = ("outcome.spend", "outcome.clicks")
CAPPED = ("mean", "total", "per_thousand", "value_ratio", "ctr", "cuped_mean", "per_unit", "mae", "rmse", "mse")


def plain() -> Iterator[Prediction | Outcome]:
    """Labels of three classes, scores, values, groups, failures and shadows."""
    rng = random.Random(1)
    for i in range(N):
        day = min(i // 93, 3)  # the last day is a small one
        when = 24 * day + 23 * rng.random()
        truth = rng.choice([0, 0, 1, 1, 2])
        label = truth if rng.random() < (0.75, 0.4, 0.7, 0.1)[day] else rng.choice([0, 1, 2])
        score = min(max(rng.gauss(0.35 + 0.25 * (truth == 1), 0.2), 0.0), 1.0)
        past, age = rng.gammavariate(2, 10), rng.gammavariate(9, 5)
        context = {"country": rng.choices(["DE", "AT", "CH"], [62, 30, 8])[0], "tier": rng.choice(["a", "a", "b"])}
        context |= {"past": repr(past), "age": repr(age)}
        about = {"context": context, "unit": f"u{rng.randrange(90)}", "cost": rng.random()}
        about |= {"latency_upstream_s": rng.lognormvariate(-4, 1), "latency_total_s": 1.0 + rng.lognormvariate(0, 1)}
        about |= {"request_size_bytes": rng.randrange(100, 900), "response_size_bytes": rng.randrange(1000, 9000)}
        error = rng.choice([""] * 9 + ["timeout", "reset", "reset"])
        failed = {"error": error, "status": 0, "role": "failed", "label": None, "score": None} if error else {}
        yield prediction(f"q{i}", when, **({"label": str(label), "score": score} | about | failed))
        other = truth if rng.random() < 0.5 else rng.choice([0, 1, 2])
        yield shadow(f"q{i}", when, label=str(other), score=min(max(score + rng.gauss(0, 0.2), 0), 1), **about)
        spend = 0.5 * past + 0.3 * age + rng.gammavariate(2, 5) if rng.random() < 0.6 else 0.0
        values = {"spend": spend, "shown": float(rng.randrange(1, 5)), "clicks": float(rng.randrange(3))}
        values |= {"cart": float(spend > 0 or rng.random() < 0.3)}
        if rng.random() < 0.9:
            yield outcome(when, when + rng.expovariate(0.5), request_id=f"q{i}", label=str(truth), values=values)


def labelled(labels: Sequence[object], truths: Sequence[object]) -> Iterator[Prediction | Outcome]:
    """Answers and outcomes that are JSON, and the next answer as the shadow's."""
    for i, (label, truth) in enumerate(zip(labels, truths, strict=True)):
        when = 24 * DAYS * i / len(labels)
        yield prediction(f"q{i}", when, label=written(label))
        yield shadow(f"q{i}", when, label=written(labels[i - 1]))
        yield outcome(when, request_id=f"q{i}", label=written(truth))


def written(label: object) -> str:
    """A label as the recorder writes it."""
    return label if isinstance(label, str) else json.dumps(label)


def numbers() -> Iterator[Prediction | Outcome]:
    """Numbers; some truths are near 0."""
    rng = random.Random(2)
    truth = [rng.gammavariate(1, 4) for _ in range(N)]
    return labelled([y * rng.lognormvariate(0.05, 0.4) for y in truth], truth)


def intervals() -> Iterator[Prediction | Outcome]:
    """Intervals and numbers."""
    rng = random.Random(3)
    truth = [rng.gauss(0, 1) for _ in range(N)]
    return labelled([sorted([rng.gauss(-1, 0.5), rng.gauss(1, 0.5)]) for _ in truth], truth)


def classes() -> Iterator[Prediction | Outcome]:
    """Scores of four classes."""
    rng = random.Random(4)
    truth = [rng.choice("aabbbcd") for _ in range(N)]
    return labelled([{c: rng.random() + (0.3 if c == y else 0) for c in "abcd"} for y in truth], truth)


def lists() -> Iterator[Prediction | Outcome]:
    """Lists of one to five items of three groups, the relevant ones with gains; sometimes none is."""
    rng = random.Random(5)
    items = [f"{group}{mark}{n}" for group, mark, n in zip("abcabcabca", "//-/--/--/", range(10), strict=True)]
    labels = [[*rng.sample(items[:6], 2), items[6], *rng.sample(items[7:], 2)][: rng.randint(1, 5)] for _ in range(N)]
    return labelled(labels, [{it: rng.choice([1, 2, 3]) for it in rng.sample(items, rng.randint(0, 6))} for _ in labels])


def sets() -> Iterator[Prediction | Outcome]:
    """Lists on both sides."""
    rng = random.Random(6)
    return labelled(*([rng.sample("abcdefg", rng.randint(1, 5)) for _ in range(N)] for _ in range(2)))


def vectors() -> Iterator[Prediction | Outcome]:
    """Vectors of four numbers: boxes too, and log probabilities."""
    rng = random.Random(7)

    def box() -> list[float]:
        x, y = -3 + rng.random(), -3 + rng.random()
        return [x, y, x + 0.5 + rng.random(), y + 0.5 + rng.random()]

    return labelled([box() for _ in range(N)], [box() for _ in range(N)])


def texts() -> Iterator[Prediction | Outcome]:
    """Sentences, some words of which are right."""
    rng = random.Random(8)
    words = [
        "the",
        "cat",
        "sat",
        "on",
        "a",
        "mat,",
        "and:",
        "the",
        "(old)",
        "dog",
        "ran",
        "off-road",
        "to",
        "see",
        "well-known",
        "don't",
        "stop",
    ]
    truth = [rng.choices(words, k=rng.randint(5, 9)) for _ in range(60)]
    said = [[word if rng.random() < 0.8 else rng.choice(words) for word in sentence] for sentence in truth]
    return labelled([" ".join(it) for it in said], [" ".join(it) for it in truth])


def pictures() -> Iterator[Prediction | Outcome]:
    """Pictures of 8 x 8, with noise."""
    rng = random.Random(9)
    truth = [[[rng.random() * 200 for _ in range(8)] for _ in range(8)] for _ in range(20)]
    return labelled([[[x + rng.gauss(0, 20) for x in row] for row in picture] for picture in truth], truth)


_MAKERS = (plain, numbers, intervals, classes, lists, sets, vectors, texts, pictures)
DATA: dict[str, Callable[[], Iterator[Prediction | Outcome]]] = {maker.__name__: maker for maker in _MAKERS}
DATA_OF = {
    **dict.fromkeys(FAMILIES["Numbers"], "numbers"),
    **dict.fromkeys(FAMILIES["Scores of several classes"], "classes"),
    **dict.fromkeys(FAMILIES["Ranked lists"], "lists"),
    "interval_coverage": "intervals", "interval_width": "intervals", "jaccard_similarity": "sets", "list_overlap": "sets",
    "cosine_similarity": "vectors", "euclidean_distance": "vectors", "perplexity": "vectors", "iou": "vectors",
    "levenshtein_distance": "texts", "bleu": "texts", "chrf": "texts", "ssim": "pictures",
}  # fmt: skip
PAIRED = {*FAMILIES["Agreement between versions"]}


def first(kind: str) -> Metric:
    """A metric of the kind, with the first value of each parameter."""
    own = {name: VALUES[name][0] for name, default in KINDS[kind].parameters.items() if default is None}
    own |= {"k": 3.0} if kind == "map_at_k" else {}  # where its denominators differ
    return ask(kind, **own, **({"of": OF[0]} if KINDS[kind].of else {}))


def others(kind: str) -> Iterator[tuple[str, Metric]]:
    """For each parameter, the metric with each other value of it; a threshold and an average, with and without it."""
    known = KINDS[kind]
    base = BASES[kind]
    start = {**base.parameters, **({"of": base.of} if base.of else {})}
    for name in known.parameters:
        for setting in VALUES[name]:
            if setting != known.parameters[name] and start.get(name) != setting:
                yield name, ask(kind, **start | {name: setting})
    if known.of:
        yield "of", ask(kind, **start | {"of": OF[1]})
    if kind in CAPPED and (known.of or kind in {"mae", "rmse"}):
        yield "cap", ask(kind, **start | {"cap": 2.0})


BASES = {kind: first(kind) for kind in KINDS}
VARIED = {kind: list(others(kind)) for kind in KINDS}


def told(about: Metric) -> dict[str, Setting]:
    """What the spec says of a metric, for its identity."""
    return {**about.parameters, **({"of": about.of} if about.of else {}), **({"cap": about.cap} if about.cap else {})}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Seen]]:
    """Every kind, with every value of every parameter, measured of its data."""
    found = {}
    with DuckdbEngine() as engine:
        for name, rows in DATA.items():
            mine = [kind for kind in KINDS if DATA_OF.get(kind, "plain") == name]
            asked = [it for kind in mine for it in (BASES[kind], *(about for _, about in VARIED[kind]))]
            found[name] = measured(World(FolderLake(tmp_path_factory.mktemp(name)), engine), list(rows()), asked)
        yield found


def of(seen: dict[str, Seen], kind: str, about: Metric) -> float:
    """The value of a metric of the kind."""
    return seen[DATA_OF.get(kind, "plain")].value(about, side(kind, about))


def side(kind: str, about: Metric) -> str:
    """Whose value it is: what two variants have in common is the shadow's."""
    return "v8" if kind in PAIRED or about.parameters.get("against") == "champion" else "champion"


def test_spec_and_measure_agree() -> None:
    """Each kind that a spec may name has a reading and an estimate, and no other has."""
    assert KINDS.keys() == ENTRIES.keys()
    assert {name for kind in KINDS.values() for name in kind.parameters} <= PARAMETERS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_is_defined(kind: str) -> None:
    """Each kind's docstring says what it is, and from where."""
    definition = inspect.cleandoc(ENTRIES[kind].definition)
    assert "Source:" in definition
    assert len(definition) > 30


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_changes_the_number(seen: dict[str, Seen], kind: str) -> None:
    """A parameter is never ignored; and a metric's identity differs where its number does."""
    values: dict[str, list[float]] = {}
    for name, about in VARIED[kind]:
        values.setdefault(name, [of(seen, kind, BASES[kind])]).append(of(seen, kind, about))
        assert identity(kind, told(about)) != identity(kind, told(BASES[kind]))
    for name, found in values.items():
        if (kind, name) == ("recall", "average"):
            assert found.pop() == pytest.approx(found[-1])  # weighted by how often each came true, it is the micro average
        assert len({round(it, 12) for it in found}) == len(found), (name, found)
    assert KINDS[kind].parameters.keys() <= values.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_no_number(kind: str) -> None:
    """Where no row was, there is no value, and it is said what there would have to be."""
    about = BASES[kind]
    found = value(MetricRef(name="m", kind=kind, of=about.of, parameters=about.parameters), merge([]))
    assert isinstance(found, NotEnough)
    assert found.unit


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_hours_add_in_any_way(seen: dict[str, Seen], data: st.DataObject) -> None:
    """The summary of everything is that of its parts, in any order and grouping, written down and read again."""
    kind = data.draw(st.sampled_from(sorted(KINDS)))
    here, about = seen[DATA_OF.get(kind, "plain")], BASES[kind]
    cells = here.cells(about, side(kind, about))
    order = data.draw(st.permutations(range(len(cells))))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(cells)), max_size=5)))
    parts: list[Summary] = []
    for start, end in zip([0, *cuts], [*cuts, len(cells)], strict=True):
        part = merge(from_json(Cell, to_json(cells[at])).summary for at in order[start:end])
        if part is not None:
            parts.append(part)
    found = value(here.ref(about), merge(parts))
    assert not isinstance(found, NotEnough)
    assert found == pytest.approx(of(seen, kind, about), rel=1e-9, abs=1e-12)
