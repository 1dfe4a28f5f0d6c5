"""How does a rollout file of a test begin? With what most have in common, so that the test writes out only what it is about."""

from typing import Final

_USUAL: Final = {
    "segue": "1",
    "route": "churn",
    "protocol": "v2",
    "unit": "[header:x-user-id, request]",
    "registry": "embedded",
    "variants": "\n  champion: {version: models:/churn@champion}\n  v8: {version: models:/churn/8}",
    "prediction": "{label: outputs.label, score: outputs.score, features: inputs}",
    "context": "{tier: header:x-tier}",
    "outcome": "{window: 1h, missing: exclude}",
}


def rollout_file(body: str, **head: str) -> str:
    """A rollout file.

    Args:
        body: its metrics, guardrails and stages, as YAML.
        head: keys before them that are not as usual, or not usual, each with its value as YAML.
    """
    lines = (f"{key}: {value}\n".replace(": \n", ":\n") for key, value in (_USUAL | head).items())
    return "".join(lines) + body.lstrip()
