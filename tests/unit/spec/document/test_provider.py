"""What a mesh cannot do is refused by name before anything begins."""

import pytest

from segue.spec.load import lint, load

MESH = """\
segue: 1
route: churn
unit: request
provider: httproute+https://kubernetes.default.svc#models/churn
variants:
  champion: {version: models:/churn/7, url: "http://churn-v7:8080"}
  v8: {version: models:/churn/8, url: "http://churn-v8.models.svc.cluster.local:8080"}
outcome: {window: 1h}
metrics: {accuracy: {kind: accuracy}, errors: {kind: error_rate}}
prediction: {label: outputs.label}
context: {tier: header:x-tier}
stages:
  - name: canary
    strategy: canary
    steps: [{share: 10%, age: 1h}]
    approve: product
  - name: everyone
    strategy: full
"""


def test_what_a_mesh_can_do_is_a_rollout() -> None:
    """Shares by people's yes; the provider is part of the meaning, the gateway is not written out."""
    rollout = load(MESH)
    assert rollout.provider == "httproute+https://kubernetes.default.svc#models/churn"
    plain = MESH.replace("provider: httproute+https://kubernetes.default.svc#models/churn\n", "")
    assert load(plain).digest == load(plain.replace("route:", "provider: gateway\nroute:", 1)).digest != rollout.digest


@pytest.mark.parametrize(
    ("old", "new", "path", "message"),
    [
        ("unit: request", "unit: [header:x-user, request]", "unit", "keeps no unit"),
        (', url: "http://churn-v7:8080"', "", "variants.champion", "names none"),
        ("http://churn-v7:8080", "http://10.0.0.8:8080", "variants.champion", "names none"),
        ("stages:", "guardrails: [errors: {worse_than_champion_by: 1pp}]\nstages:", "guardrails", "no guardrail can see"),
        ("approve: product", "promote_when: [errors: {not_worse_than_champion_by: 1pp}]", "stages[0].promote_when",
         "no gate can pass"),
        ("approve: product", "approve: product\n    at_least: {outcomes: 10}", "stages[0].at_least", "no outcome finds"),
        ("age: 1h}", "age: 1h, audience: \"tier == 'vip'\"}", "stages[0].steps[0]", "does not know an audience"),
        ("strategy: canary\n    steps: [{share: 10%, age: 1h}]", "strategy: shadow", "stages[0].strategy", "throws"),
        ("{share: 10%, age: 1h}", "{share: 10%, age: 1h}, {share: 50%, age: 1h}", "stages[0].steps[1]", "on silence no step"),
        ("strategy: full", "strategy: full\n    watch: {age: 1h}", "stages[1].watch", "nobody watches"),
        ("#models/churn", "", "provider", "is no provider"),
        ("httproute+https", "istio+https", "provider", "is no provider"),
    ],
)  # fmt: skip
def test_what_it_cannot_do_is_refused(old: str, new: str, path: str, message: str) -> None:
    """Each by itself, where it stands."""
    (problem,) = lint(MESH.replace(old, new, 1))
    assert (problem.path, problem.line > 0) == (path, True)
    assert message in problem.message
