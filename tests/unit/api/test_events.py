"""Decisions are told as they are made, each once, also to somebody who was away."""

import http.client
import json
from collections.abc import Iterator

import api_server
import pytest


def stream(api: api_server.Api, path: str, **headers: str) -> Iterator[dict[str, str]]:
    """The events of a stream."""
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=30)
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    assert (answer.status, answer.headers.get_content_type()) == (200, "text/event-stream")
    event: dict[str, str] = {}
    for raw in answer:
        line = raw.decode().rstrip("\n")
        if line:
            name, _, value = line.partition(": ")
            event[name] = value
        else:
            yield event
            event = {}
    connection.close()


def test_decisions_are_told_as_they_are_made(api: api_server.Api) -> None:
    """What was decided before comes first, what is decided then follows, and the end is said and ends the stream."""
    rollout = api.begin()
    events = stream(api, f"/v1/rollouts/{rollout}/events")
    assert next(events) == {"retry": "2000"}
    first = next(events)
    assert (first["id"], first["event"]) == ("1", "decision")
    made = [api.decide(rollout, "running"), api.decide(rollout, "promoted")]
    told = [next(events) for _ in made]
    assert [(it["id"], json.loads(it["data"])["id"]) for it in told] == [(str(d.number), d.id) for d in made]
    assert next(events) == {"event": "over", "data": '{"phase":"promoted"}'}
    with pytest.raises(StopIteration):
        next(events)


def test_who_was_away_goes_on(api: api_server.Api) -> None:
    """After `Last-Event-ID` come the later ones only; when it is over and nothing is new, 204 says not to come again."""
    rollout = api.begin()
    api.decide(rollout, "running")
    api.decide(rollout, "aborted")
    place = f"/v1/rollouts/{rollout}/events"
    assert [it.get("id", it.get("event")) for it in stream(api, place, last_event_id="2")] == [None, "3", "over"]
    assert [it.get("id", it.get("event")) for it in stream(api, place + "?after=1")] == [None, "2", "3", "over"]
    assert api("GET", place, last_event_id="3").status == 204
    assert api("GET", place, last_event_id="x").status == 400
    assert api("GET", "/v1/rollouts/nobody/events").status == 404
