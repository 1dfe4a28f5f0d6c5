"""How fast is a policy simulated, how soon is harm gone, how often falsely, and what does a tick over many rollouts cost?

Run by `make bench-rollout`. The table goes to stdout, and `bench/results/rollout.json` keeps it.
"""

import sys
from pathlib import Path
from typing import Final

from bench.rig.figures import keep, table
from bench.rolling.policies import simulated
from bench.rolling.ticking import ticks

_RESULTS: Final = Path(__file__).parent / "results" / "rollout.json"


def main() -> int:
    """Measure; 1 when a promised figure does not hold."""
    figures = []
    for part in (ticks, simulated):
        for figure in part():
            print(f"{figure.figure}: {figure.value:g} {figure.unit}", file=sys.stderr, flush=True)
            figures.append(figure)
    print(table(figures))
    keep(figures, _RESULTS)
    return int(any(figure.holds is False for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
