"""`segue demo`: the main job on real data, with one command."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from segue.cli.output import Progress
from segue.errors import DomainError
from segue.extras import installing


def demo(
    *,
    seed: Annotated[int, Parameter(help="Of the assignment: another one sends other flights to the candidate.")] = 1,
    swap: Annotated[bool, Parameter(negative="", help="The better model is the champion, the weaker the candidate.")] = False,
    day: Annotated[float, Parameter(help="Real seconds for one streamed day.")] = 2.5,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="Folder for everything that is made.")] = Path(
        "demo-output"
    ),
) -> int:
    """Flights of 2013: a broken candidate is rolled back, a better one is promoted, serving follows.

    Real model processes, real HTTP, outcomes when the aircraft land; a few minutes. At the end a report, as a page and as JSON.
    """
    # Read once, as scikit-learn is imported: threads that wait by spinning let training take minutes on cores that are shared.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with Progress() as progress:
        progress.passing("loading pandas, scikit-learn and ONNX")
        try:
            from segue.demo.reported import report
            from segue.demo.run import Demo, DemoSettings
        except ModuleNotFoundError as error:
            raise DomainError(f"the demo needs {error.name}", hint=installing("demo")) from error

        asked = DemoSettings(folder=output, seed=seed, swap=swap, day_s=day)
        walked = Demo(asked, progress.say, progress.passing).run()
        settings = {"seed": str(seed), "day": f"{day:g} s"} | ({"swapped": "yes"} if swap else {})
        progress.passing("writing the report")
        page, data = report(walked, output, settings)
    print(f"report: {page}")
    print(f"data:   {data}")
    return 1 if walked.played.failures else 0
