"""`segue lake`: how are the lake's many small files kept few?"""

from typing import Annotated

from cyclopts import App, Parameter

from segue.cli.options import Dry, HomeFolder
from segue.cli.output import say
from segue.errors import DomainError
from segue.report.words import many
from segue.wiring import clock_of, home_at, lake_of, stop_event

app = App(name="lake", help="The files where predictions and outcomes rest.")


@app.command
def compact(
    *,
    older_than: Annotated[int, Parameter(help="Hours that were over so many hours ago.")] = 2,
    at_least: Annotated[int, Parameter(help="Only hours with so many small files.")] = 8,
    keep_days: Annotated[float, Parameter(help="Small files are removed so many days after their pack appeared.")] = 7.0,
    every_min: Annotated[float, Parameter(help="Again and again, after so many minutes; 0 for once.")] = 0.0,
    dry_run: Dry = False,
    home: HomeFolder = None,
) -> None:
    """Put the small files of hours that are over together, one file an hour.

    It may run beside everything else, several times at once, and be killed at any moment: nothing is ever counted twice or
    not at all. Until their small files are removed, `segue replay` can tell them apart.
    """
    from segue.record.packing import Packing, keep_packing, pack, waiting

    if older_than < 1 or at_least < 2 or keep_days < 0 or every_min < 0:
        raise DomainError("an hour that is not over, or a single file, is not packed", hint="--older-than 2 --at-least 8")
    place = home_at(home)
    lake, clock = lake_of(place), clock_of(place)
    packing = Packing(age_h=older_than, least=at_least, keep_s=keep_days * 86_400, every_s=every_min * 60)
    now_h = int(clock.now().timestamp()) // 3600
    if dry_run:
        say(f"would pack {many(waiting(lake, now_h, packing), 'file')}")
        return
    done = keep_packing(lake, clock, packing, stop_event()) if every_min else pack(lake, now_h, packing)
    say(f"{many(done.files, 'file')} packed into {done.packs:,}, {done.swept:,} removed")
