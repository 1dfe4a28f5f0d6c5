"""What the API says of itself is true: a program that knows only its OpenAPI document tries every operation."""

import json
from pathlib import Path
from typing import Any

import api_server
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance

from segue.api.openapi import document

TRIED = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
JUDGED = {"POST /v1/rollouts", "POST /v1/diff", "POST /v1/rollouts/{rollout}/acts"}
"""What they take is judged by more than a schema can say: the text of a rollout file, reasons, the ETag in force."""


def test_the_document_is_served_and_names_every_shape_that_it_uses(api: api_server.Api) -> None:
    """It needs no token, and no reference in it leads nowhere."""
    api.token("admin")
    served = api("GET", "/openapi.json").json
    assert served == json.loads(json.dumps(document()))
    text = api("GET", "/openapi.json").body.decode()
    used = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert used <= set(served["components"]["schemas"])
    for schema in served["components"]["schemas"].values():
        jsonschema_rs.validator_for({**schema, "components": served["components"]})


@pytest.mark.slow
def test_every_operation_does_as_the_document_says(tmp_path: Path) -> None:
    """Schemathesis, with data that is valid and that is not: statuses, shapes and headers hold, and so does the lock."""
    with api_server.serving(tmp_path / "home", guarded=True) as api:
        token = api.token("admin")
        register_and_begin(api, token)
        schema = schemathesis.openapi.from_dict(document()).exclude(path_regex="events")
        schema.config.update(base_url=api.url)
        for found in schema.get_all_operations():
            operation = found.ok()  # type: ignore[union-attr]  # a test checks that the document is one
            TRIED(given(case=operation.as_strategy(), token=st.just(token))(_holds))()


def _holds(case: schemathesis.Case[Any], token: str) -> None:
    case.call_and_validate(
        headers={"Authorization": f"Bearer {token}"},
        excluded_checks=[positive_data_acceptance] if case.operation.label in JUDGED else [],
    )


def register_and_begin(api: api_server.Api, token: str) -> None:
    """A rollout, so that some requests find something."""
    api_server.register(api.stores)
    assert api("POST", "/v1/rollouts", {"spec": api_server.SPEC}, token).status == 201
    api.decide("churn-1", "running")
