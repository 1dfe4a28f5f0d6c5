"""How do simulated rollouts become one page, whole in one file?"""

from itertools import groupby
from pathlib import Path
from typing import Final

from segue.planning import figures
from segue.planning.page import style, template
from segue.simulate.telling.drawing import ends, over_time
from segue.simulate.telling.words import Told, ended, headline, wrong

_HERE: Final = Path(__file__).parent


def simulated_page(found: Told) -> str:
    """The page as text: style and pictures are in it, nothing is fetched, no script runs."""
    policies = [(name, list(group)) for name, group in groupby(found.tallies, key=lambda it: it.policy)]
    return template(_HERE).render(
        found=found,
        style=style(),
        policies=[
            (headline(name, tallies), tallies, ends(tallies), over_time(tallies, found.days), found.notes.get(name, ()))
            for name, tallies in policies
        ],
        say=figures,
        ended=ended,
        wrong=wrong,
    )
