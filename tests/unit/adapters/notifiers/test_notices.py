"""What was decided is told: at least once, signed, in order, and in nobody's way."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest
from receiver import Receiver, receiving

from segue.adapters.notifiers.by_scheme import NotifierByScheme
from segue.errors import Refused, Unavailable
from segue.facts.decision import SendNotice
from segue.monitor.begin import apply, ask
from segue.monitor.outside import Outside
from segue.monitor.tick import Monitor
from segue.ports.store import CommandStore
from segue.testkit.small_world import SPEC, START, SmallWorld

ROLLOUT = "churn-1"
SECRET = "a secret"
EVENTS = "[started, advanced, promoted, paused, aborted]"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody who listens."""
    with receiving() as running:
        yield running


@pytest.fixture
def told(small_world: SmallWorld, receiver: Receiver) -> Outside:
    """A rollout that is ready to start, and whose events go to the receiver."""
    outside = replace(small_world.outside, notifier=NotifierByScheme(secret=SECRET))
    apply(outside, SPEC + f'notify: [{{on: {EVENTS}, url: "{receiver.url}/hook"}}]\n')
    small_world.host()
    return outside


def notice(url: str, **changes: object) -> SendNotice:
    """One notice."""
    made = SendNotice(
        id="cmd-1",
        rollout=ROLLOUT,
        route="churn",
        event="promoted",
        url=url,
        at=START,
        stage="everyone",
        phase="watching",
        reasons=("accuracy of v8 better than champion's; shown",),
        decision="d-7",
    )
    return msgspec.structs.replace(made, **changes)


def events(receiver: Receiver) -> list[str]:
    """What came, in order."""
    return [json.loads(it.body)["data"]["event"] for it in receiver.received]


def test_who_asked_hears_of_each_event_once(told: Outside, receiver: Receiver) -> None:
    """Started, paused, aborted, in order; a tick at which nothing moves tells nobody; nothing is left to be done."""
    monitor = Monitor(told)
    monitor.tick()
    monitor.tick()
    for act in ("pause", "abort"):
        ask(told, ROLLOUT, act, who="ana", why="because")
        monitor.tick()
    assert events(receiver) == ["started", "paused", "aborted"]
    assert not told.commands.waiting()


def test_a_cloud_event_is_signed(receiver: Receiver) -> None:
    """It has all that CloudEvents 1.0 asks for, and a signature that whoever knows the secret can check."""
    NotifierByScheme(secret=SECRET).send(notice(receiver.url))
    (came,) = receiver.received
    event = json.loads(came.body)
    assert came.headers["content-type"] == "application/cloudevents+json"
    assert (event["specversion"], event["id"], event["type"]) == ("1.0", "cmd-1", "io.segue.rollout.promoted")
    assert event["source"] == "/segue/routes/churn/rollouts/churn-1"
    assert event["time"] == "2013-03-01T12:00:00Z"
    assert event["data"]["reasons"] == ["accuracy of v8 better than champion's; shown"]
    signed = f"{came.headers['webhook-id']}.{came.headers['webhook-timestamp']}.".encode() + came.body
    expected = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    assert came.headers["webhook-signature"] == f"v1,{expected}"


def test_a_receiver_that_is_away_is_told_later(told: Outside, receiver: Receiver) -> None:
    """While it fails, the rollout goes on; tried again after a pause that grows, and then in order."""
    now = [0.0]
    outside = replace(told, notifier=NotifierByScheme(secret=SECRET, now_s=lambda: now[0]))
    receiver.answers = [503, 503]
    monitor = Monitor(outside)
    monitor.tick()
    assert outside.rollouts.load(ROLLOUT).state.phase == "running"
    monitor.tick()  # too early
    assert len(receiver.received) == 1
    ask(outside, ROLLOUT, "pause", who="ana", why="because")
    now[0] = 1.1
    monitor.tick()
    assert outside.rollouts.load(ROLLOUT).state.phase == "paused"
    now[0] = 2.0
    monitor.tick()
    assert len(receiver.received) == 2
    now[0] = 3.2
    monitor.tick()
    assert events(receiver) == ["started", "started", "started", "paused"]
    assert len({json.loads(it.body)["id"] for it in receiver.received[:3]}) == 1
    assert not outside.commands.waiting()


class Killed(BaseException):
    """Like SIGKILL: nobody catches it."""


class DiesBeforeMarking:
    """A store of commands whose caller dies when it wants to mark the first notice as done."""

    def __init__(self, commands: CommandStore) -> None:
        self._commands = commands

    def __getattr__(self, name: str) -> object:
        return getattr(self._commands, name)

    def done(self, command_id: str) -> None:
        pending = {it.id: it for it in self._commands.pending(ROLLOUT)}
        if isinstance(pending.get(command_id), SendNotice):
            raise Killed
        self._commands.done(command_id)


def test_a_death_between_sending_and_marking_sends_again(told: Outside, receiver: Receiver) -> None:
    """The next monitor sends the same notice with the same id, by which the receiver knows it, and then no more."""
    dying = replace(told, commands=DiesBeforeMarking(told.commands))  # type: ignore[arg-type] # it passes all on
    with pytest.raises(Killed):
        Monitor(dying).tick()
    assert events(receiver) == ["started"]
    for _ in range(2):
        Monitor(told).tick()
    assert events(receiver) == ["started", "started"]
    assert len({json.loads(it.body)["id"] for it in receiver.received}) == 1
    assert not told.commands.waiting()


@pytest.mark.parametrize(("status", "kind"), [(500, Unavailable), (429, Unavailable), (404, Refused), (302, Refused)])
def test_what_an_answer_means(receiver: Receiver, status: int, kind: type[Exception]) -> None:
    """Later for what may pass, never for what will not; a redirect is not followed, for it would lose the body."""
    receiver.answers = [status]
    with pytest.raises(kind):
        NotifierByScheme().send(notice(receiver.url))
    assert len(receiver.received) == 1


def test_nobody_there_is_later() -> None:
    """A refused connection may be taken another time."""
    with pytest.raises(Unavailable):
        NotifierByScheme().send(notice("http://127.0.0.1:1/"))


def test_a_receiver_that_says_no_is_not_asked_again(told: Outside, receiver: Receiver) -> None:
    """The notice is given up with an error in the log, and the rollout goes on."""
    receiver.answers = [410]
    monitor = Monitor(told)
    monitor.tick()
    monitor.tick()
    assert events(receiver) == ["started"]
    assert not told.commands.waiting()


@pytest.mark.filterwarnings("ignore")  # apprise's own
def test_people_are_told_through_their_service(receiver: Receiver) -> None:
    """A service that apprise knows gets the title and the reasons; one that nobody knows is refused; a failure is for later."""
    url = receiver.url.replace("http://", "json://")
    NotifierByScheme().send(notice(url))
    said = json.loads(receiver.received[0].body)
    assert said["title"] == "churn-1: promoted"
    assert "accuracy of v8 better" in said["message"]
    with pytest.raises(Refused):
        NotifierByScheme().send(notice("nosuchservice://x"))
    receiver.answers = [500]
    with pytest.raises(Unavailable):
        NotifierByScheme().send(notice(url))
