"""What can be asked: every reading route gives what the store holds, and every mistake is told in one shape."""

import api_server
import msgspec

from segue.api.views import Page, RolloutDetail, RolloutView
from segue.facts.decision import Decision
from segue.testkit import samples


def test_a_rollout_is_told_whole(api: api_server.Api) -> None:
    """List and detail give the facts that the store holds, by value; a route names its newest rollout."""
    rollout = api.begin()
    loaded = api.stores.rollouts.load(rollout)
    listed = msgspec.json.decode(api("GET", "/v1/rollouts?route=churn&live=true").body, type=Page[RolloutView])
    assert [(it.rollout, it.phase, it.stage, it.shares) for it in listed.items] == [
        (rollout, "running", "shadow", {"champion": 1.0})
    ]
    by_id, by_route = api("GET", f"/v1/rollouts/{rollout}"), api("GET", "/v1/rollouts/churn")
    assert by_id.body == by_route.body
    found = msgspec.json.decode(by_id.body, type=RolloutDetail)
    assert (found.state, found.token, found.spec_source) == (loaded.state, loaded.token, api_server.SPEC)
    assert by_id.headers["etag"] == f'"{loaded.token}"'
    assert found.last == api.stores.rollouts.decisions(rollout)[-1]


def test_pages_hold_every_decision_once(api: api_server.Api) -> None:
    """Page after page by `next`, every decision comes once and in order, whatever the size of a page."""
    rollout = api.begin()
    for _ in range(4):
        api.decide(rollout, "running")
    seen: list[Decision] = []
    after: str | None = "0"
    while after is not None:
        answer = api("GET", f"/v1/rollouts/{rollout}/decisions?limit=2&after={after}")
        page = msgspec.json.decode(answer.body, type=Page[Decision])
        assert len(page.items) <= 2
        seen, after = seen + page.items, page.next
    assert seen == list(api.stores.rollouts.decisions(rollout))
    explained = api("GET", f"/v1/decisions/{seen[0].id}").json
    assert explained["decision"]["id"] == seen[0].id
    assert f"Decision 1 of {rollout}" in explained["text"]


def test_what_is_served_and_registered(api: api_server.Api) -> None:
    """Routes, allocations, workers, versions, aliases, moves, cells and the audit log answer; no key of a caller leaks."""
    rollout = api.begin()
    api.stores.summaries.replace(rollout, hours=[5], answers=[], cells=[samples.cell(hour=5)])
    served = api("GET", "/v1/routes/churn").json
    assert served["allocation"]["number"] == 1
    assert "keys" not in served
    assert len(api("GET", "/v1/routes/churn/allocations").json["items"]) == 1
    assert api("GET", "/v1/routes/churn/workers").json == {"items": [], "next": None}
    versions = api("GET", "/v1/models?model=churn").json["items"]
    assert [(it["version"], it["aliases"]) for it in versions] == [("7", ["champion"]), ("8", [])]
    assert api("GET", "/v1/aliases").json["items"] == [{"model": "churn", "alias": "champion", "version": "7"}]
    assert [it["who"] for it in api("GET", "/v1/models/churn/moves").json["items"]] == ["ada"]
    assert len(api("GET", f"/v1/rollouts/{rollout}/cells").json["items"]) == 1
    deeds = [it["deed"] for it in api("GET", f"/v1/audit?subject={rollout}").json["items"]]
    assert deeds[:2] == ["applied", "decided"]
    newest = api("GET", f"/v1/audit?subject={rollout}&newest=true&limit=1").json
    assert [it["deed"] for it in newest["items"]] == deeds[-1:]
    before = api("GET", f"/v1/audit?subject={rollout}&newest=true&after={newest['next']}").json
    assert [it["deed"] for it in before["items"]] == deeds[-2::-1]
    assert api("GET", f"/v1/rollouts/{rollout}/outcomes-wanted").status == 200
    assert api("GET", "/readyz").json == {"status": "ok"}


def test_mistakes_have_one_shape(api: api_server.Api) -> None:
    """Unknown things, paths, methods, parameters and bodies: problem details with the status that says which."""
    rollout = api.begin()
    wrong = {
        404: [("GET", "/v1/rollouts/nobody"), ("GET", "/v2"), ("GET", "/v1/decisions/x"), ("GET", "/v1/routes/no")],
        405: [("DELETE", "/v1/rollouts")],
        400: [
            ("GET", "/v1/rollouts?limit=0"),
            ("GET", "/v1/rollouts?lmit=3"),
            ("GET", "/v1/rollouts?limit=1&limit=2"),
            ("POST", f"/v1/rollouts/{rollout}/acts"),
        ],
    }
    for status, asked in wrong.items():
        for method, path in asked:
            answer = api(method, path, {"trigger": "fly"} if method == "POST" else None)
            assert (answer.status, answer.json["status"]) == (status, status), path
            assert answer.headers["content-type"] == "application/problem+json"
    assert api("GET", "/v1/rollouts/churn-2").json["hint"] == "did you mean `churn-1`?"
    assert "/openapi.json" in api("GET", "/").json["hint"]
    for place in ("/v1/rollouts", f"/v1/rollouts/{rollout}/events", "/v1/tokens"):
        told = api("GET", f"{place}?aftr=3").json
        assert told["detail"] == "there is no parameter `aftr` here"
        assert told["hint"] == "did you mean `after`?"
    assert set(api("DELETE", "/v1/rollouts").headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert api("POST", "/v1/rollouts", b"{}", content_type="text/plain").status == 415
    assert api("POST", "/v1/diff", b" " * (2**21 + 1)).status == 413


def test_a_bad_file_is_told_with_all_its_problems(api: api_server.Api) -> None:
    """Every problem with its line, in one answer, and nothing is begun."""
    spec = api_server.SPEC.replace("worse_than_champion_by: 5pp", "worse_then_champion_by: 5").replace("24h", "24")
    answer = api("POST", "/v1/rollouts", {"spec": spec})
    assert answer.status == 422
    assert [problem["line"] for problem in answer.json["problems"]] == [10, 14]
    assert api("GET", "/v1/rollouts").json["items"] == []
