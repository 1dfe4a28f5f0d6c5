"""The quickstart: what it tells people to write is what the host takes."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from segue.host.model import load
from segue.host.v2 import outputs_of, read_request
from segue.ports.registry import ModelVersion
from segue.spec.load import load as load_spec

QUICKSTART = Path(__file__).parents[3] / "examples" / "quickstart"


@pytest.mark.parametrize(("version", "score"), [("1", 0.7109), ("2", 0.9589)])
def test_its_versions_answer_its_request(version: str, score: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both versions predict the example request, each in its own way."""
    monkeypatch.syspath_prepend(str(QUICKSTART))
    registered = ModelVersion(
        model="churn",
        version=version,
        factory="churn_model:load",
        artifact=str(QUICKSTART / f"v{version}"),
        digest="",
        registered_at=datetime(2026, 1, 1, tzinfo=UTC),
        warmup=(QUICKSTART / "request.json").read_text(),
    )
    model = load(registered)
    asked = read_request(model.warmup)
    model.check(asked)
    label, scores = outputs_of(asked, model.predict(asked.columns), model.outputs)
    assert (label.data, scores.data) == ([1], [pytest.approx(score, abs=1e-4)])


def test_its_rollout_is_valid() -> None:
    """The rollout has no problem, and names the versions that the README registers."""
    spec = load_spec((QUICKSTART / "rollout.yaml").read_text())
    assert [variant.version for variant in spec.variants.values()] == ["models:/churn@champion", "models:/churn/2"]
