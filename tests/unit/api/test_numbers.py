"""What Prometheus is told of rollouts: what the store keeps, to whoever may look."""

import api_server
from exposed import Told, every, read, total

from segue.monitor.leading import LEASE


def told(api: api_server.Api) -> Told:
    """The whole."""
    answer = api("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return read(answer.body.decode())


def test_it_is_for_viewers(api: api_server.Api) -> None:
    """Where there are tokens, it takes one; Prometheus sends it as any other client."""
    token = api.token("viewer")
    assert api("GET", "/metrics").status == 401
    assert api("GET", "/metrics", token=token).status == 200


def test_nothing_is_known_at_first(api: api_server.Api) -> None:
    """No rollout, no monitor: that nobody leads is a fact, and all else is absent."""
    assert told(api) == {("segue_monitor_leading", frozenset()): 0}


def test_who_leads(api: api_server.Api) -> None:
    """One, while the lease lasts."""
    lease = api.stores.leases.acquire(LEASE, "m1", ttl_s=60)
    assert lease is not None
    assert (total(told(api), "segue_monitor_leading"), total(told(api), "segue_monitor_fence")) == (1, lease.fence)
    api.stores.leases.release(lease)
    assert (total(told(api), "segue_monitor_leading"), every(told(api), "segue_monitor_fence")) == (0, [])


def test_a_rollout_by_its_last_decision(api: api_server.Api) -> None:
    """Phase, stage, verdicts with their evidence, and what waits; a verdict without evidence has no estimate."""
    rollout = api.begin()
    api("POST", f"/v1/rollouts/{rollout}/acts", {"trigger": "pause"})
    found = told(api)
    mine = {"route": "churn", "rollout": rollout}
    assert every(found, "segue_rollout_phase", **mine) == every(found, "segue_rollout_phase", **mine, phase="running") == [1]
    assert total(found, "segue_rollout_stage", **mine, stage="canary") == 1
    gate = {**mine, "stage": "shadow", "gate": "stages[0].promote_when[0]", "role": "objective", "metric": "precision"}
    assert total(found, "segue_gate_verdict", **gate) == 1
    assert total(found, "segue_gate_estimate", **gate) == 0.1 + 0.2
    assert total(found, "segue_gate_low", **gate) == -1e-17
    assert total(found, "segue_gate_evidence_ratio", **gate) == 3.25 / 3
    assert total(found, "segue_gate_verdict", **mine, gate="guardrails[0]", role="guardrail") == 0
    assert every(found, "segue_gate_estimate", gate="guardrails[0]") == []
    assert (total(found, "segue_acts_waiting", **mine), total(found, "segue_commands_pending", **mine)) == (1, 0)
    assert total(found, "segue_published_share", route="churn", variant="champion") == 1
    for nobody_knows in ("segue_measured_age_seconds", "segue_outcome_coverage_ratio", "segue_srm_p_value"):
        assert every(found, nobody_knows) == []


def test_how_a_rollout_has_ended(api: api_server.Api) -> None:
    """Until the route's next one begins; nothing is judged of it any more."""
    rollout = api.begin()
    api.decide(rollout, "rolled_back")
    found = told(api)
    assert total(found, "segue_rollout_phase", rollout=rollout, phase="rolled_back") == 1
    assert every(found, "segue_gate_verdict") == every(found, "segue_rollout_stage_age_seconds") == []
    next_one = api("POST", "/v1/rollouts", {"spec": api_server.SPEC}).json["rollout"]
    found = told(api)
    assert every(found, "segue_rollout_phase", rollout=rollout) == []
    assert total(found, "segue_rollout_phase", rollout=next_one, phase="pending") == 1
