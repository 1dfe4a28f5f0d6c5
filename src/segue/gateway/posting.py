"""How do outcomes that callers post get into the journal?"""

from segue.errors import DomainError
from segue.facts.wire.codec import to_pack
from segue.facts.wire.frames import OUTCOME
from segue.facts.wire.outcome_wire import parse
from segue.gateway.request.doorkeeper import Doorkeeper
from segue.gateway.settings import GatewaySettings
from segue.gateway.sight.about import JSON, refuse
from segue.http.exchange import Exchange
from segue.ports.clock import Clock
from segue.ports.recorder import Recorder

_LATER = (b"retry-after", b"1")


class Posting:
    """Takes outcomes, whole or not at all; 202 means that they are in the journal.

    Args:
        settings: the routes that outcomes may be of; the first is meant where none is named.
        recorder: the worker's journal.
        clock: stream time.
        doorkeeper: who may post them.
    """

    def __init__(self, settings: GatewaySettings, recorder: Recorder, clock: Clock, doorkeeper: Doorkeeper) -> None:
        self._doorkeeper = doorkeeper
        self._settings = settings
        self._recorder = recorder
        self._clock = clock

    def take(self, exchange: Exchange) -> None:
        """Answer a request with outcomes."""
        if exchange.method != b"POST":
            refuse(exchange, 405, "outcomes are posted")
            return
        routes = self._settings.routes
        try:
            outcomes = parse(exchange.body, received_at=self._clock.now(), route=routes[0] if routes else "")
        except DomainError as error:
            refuse(exchange, 400, error.message)
            return
        unknown = {outcome.route for outcome in outcomes} - set(routes)
        if unknown:
            refuse(exchange, 404, f"there is no route {min(unknown)!r} here")
            return
        if not self._doorkeeper.admits_to(exchange, {outcome.route for outcome in outcomes}):
            return
        for outcome in outcomes[:-1]:
            self._recorder.record(OUTCOME, to_pack(outcome))
        answer = b'{"accepted":%d}' % len(outcomes)

        def release(written: bool) -> None:
            if written:
                exchange.respond(202, JSON, answer)
            else:
                exchange.respond(503, (*JSON, _LATER), b'{"error":"the record cannot be written"}')

        if outcomes:
            self._recorder.record(OUTCOME, to_pack(outcomes[-1]), release)
        else:
            release(True)  # noqa: FBT003 - the recorder's signature
