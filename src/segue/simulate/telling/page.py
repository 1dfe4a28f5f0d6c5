"""How do simulated rollouts become one page, whole in one file?"""

from itertools import groupby
from pathlib import Path
from typing import Final

import jinja2
from markupsafe import Markup

from segue.planning import figures, page
from segue.simulate.telling.drawing import ends, over_time
from segue.simulate.telling.words import Told, ended, headline, wrong

_HERE: Final = Path(__file__).parent
_STYLE: Final = Path(page.__file__).with_name("page.css")


def simulated_page(found: Told) -> str:
    """The page as text: style and pictures are in it, nothing is fetched, no script runs."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    policies = [(name, list(group)) for name, group in groupby(found.tallies, key=lambda it: it.policy)]
    return environment.get_template("page.html.jinja").render(
        found=found,
        style=Markup(_STYLE.read_text(encoding="utf-8")),  # noqa: S704 - our own file
        policies=[
            (headline(name, tallies), tallies, ends(tallies), over_time(tallies, found.days), found.notes.get(name, ()))
            for name, tallies in policies
        ],
        say=figures,
        ended=ended,
        wrong=wrong,
    )
