"""The plan as a page."""

from xml.etree import ElementTree as ET

import msgspec
import pytest

from segue.planning.assumptions import Assumed
from segue.planning.page import page
from segue.planning.plan import RolloutPlan, plan
from segue.spec.rollout import Rollout


def test_whole_in_one_file(planned: RolloutPlan) -> None:
    """Nothing is fetched and no script runs; every picture is well formed, with a title and a description."""
    text = page(planned)
    assert "://" not in text
    assert "src=" not in text
    assert "<script" not in text
    pictures = ["<svg" + part.split("</svg>")[0] + "</svg>" for part in text.split("<svg")[1:]]
    stages_with_gates, gates, timeline = 3, 5, 1
    assert len(pictures) == stages_with_gates + gates + timeline
    for picture in pictures:
        tree = ET.fromstring(picture)
        assert tree.findtext("title")
        assert tree.findtext("desc")


def test_says_what_the_text_says(planned: RolloutPlan) -> None:
    """The main sentence and every warning stand on it, escaped."""
    text = page(planned)
    assert "stage ab needs" in text
    assert text.count("<li>") >= len(planned.warnings)
    assert "tier == &#39;vip&#39;" in text


def test_markup_in_names_is_text(spec: Rollout, assumed: Assumed) -> None:
    """What a person wrote into an expression is shown, never run."""
    evil = msgspec.structs.replace(assumed, populations={"tier == '<script>alert(1)</script>'": 0.1})
    assert "<script" not in page(plan(spec, evil))


@pytest.mark.parametrize("requests", [None, 10.0, 1e9])
def test_any_traffic(spec: Rollout, assumed: Assumed, requests: float | None) -> None:
    """No traffic, next to none, and very much: a page all the same."""
    text = page(plan(spec, msgspec.structs.replace(assumed, requests=requests)))
    assert text.endswith("</html>")
    assert ("How likely is a decision" in text) == (requests is not None)
