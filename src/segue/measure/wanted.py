"""Whose outcomes are worth asking for? Those of requests on which two variants differ, or a share of them.

Which ones are drawn is a function of the request's id alone, so that whoever lists them and whoever counts them agree, at any
time, on any machine; the id is known before the truth is. Where both variants said the same, no truth can part them.
"""

from typing import Final

from segue.measure.expressions import quoted
from segue.measure.sql import filled

_CHARACTERS: Final = 8
_WANTED: Final = """
SELECT request_id, min(epoch_us("at")) AS at_us, any_value(label) FILTER (role = 'served' AND variant = $champion) AS champion,
  any_value(label) FILTER (role = 'shadow' AND variant = $candidate) AS candidate
FROM predictions ANTI JOIN (SELECT request_id FROM outcomes WHERE label IS NOT NULL AND request_id <> '') USING (request_id)
WHERE rollout = $rollout AND stage = $stage AND allocation >= $since GROUP BY request_id
HAVING champion <> candidate AND $drawn ORDER BY at_us, request_id
"""


def drawn(column: str, share: float) -> str:
    """Whether a request is among the share of those that are asked for; the first 32 bits of its id's MD5 decide.

    >>> drawn("request_id", 1.0), drawn("request_id", 0.25)
    ('TRUE', "substr(md5(request_id), 1, 8) < '40000000'")
    """
    if share >= 1.0:
        return "TRUE"
    return f"substr(md5({column}), 1, {_CHARACTERS}) < {quoted(f'{round(share * 16**_CHARACTERS):0{_CHARACTERS}x}')}"


def wanted(rollout: str, stage: str, *, variants: tuple[str, str], share: float, since_allocation: int = 0) -> str:
    """The query for requests without an outcome that are asked for: id, microseconds, champion's label, candidate's label.

    Args:
        rollout: whose.
        stage: a shadow stage of it.
        variants: champion and candidate.
        share: of the disagreements, in (0, 1].
        since_allocation: of the attempt.
    """
    champion, candidate = map(quoted, variants)
    parts = {"rollout": quoted(rollout), "stage": quoted(stage), "since": since_allocation, "drawn": drawn("request_id", share)}
    return filled(_WANTED, champion=champion, candidate=candidate, **parts)
