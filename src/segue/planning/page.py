"""How does a plan become one page, whole in one file?"""

from itertools import groupby
from pathlib import Path
from typing import Final

import jinja2
from markupsafe import Markup

from segue.planning import figures
from segue.planning.drawing import chances, stages, strategies
from segue.planning.plan import RolloutPlan
from segue.planning.words import headline, spent, why

_HERE: Final = Path(__file__).parent


def template(folder: Path) -> jinja2.Template:
    """The page of a folder."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.jinja")


def style() -> Markup:
    """What stands in the head of a page."""
    return Markup((_HERE / "page.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file


def page(plan: RolloutPlan) -> str:
    """The page as text: style and pictures are in it, nothing is fetched, no script runs."""
    promotion = [gate for gate in plan.gates if gate.kind == "promotion"]
    timed = plan.assumed.requests is not None
    by_gate = [list(group) for _, group in groupby(plan.alternatives, key=lambda one: one.gate)]
    curves = []
    for stage in plan.stages:
        mine = [gate for gate in promotion if gate.stage == stage.name]
        if any(gate.at for gate in mine):
            curves.append((stage, mine, chances(mine, stage)))
    return template(_HERE).render(
        plan=plan,
        style=style(),
        headline=headline(plan),
        why=why,
        say=figures,
        promotion=promotion,
        guardrails=[gate for gate in plan.gates if gate.kind == "guardrail"],
        timeline=stages(plan.stages) if timed and any(stage.days for stage in plan.stages) else None,
        curves=curves,
        alternatives=[(group, strategies(group)) for group in by_gate if any(one.days for one in group)],
        stages=[stage.name for stage in plan.stages],
        ledger=spent(plan.ledger),
    )
