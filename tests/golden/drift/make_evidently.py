"""Makes evidently.json: what Evidently says of the samples in test_samples_golden.py.

In an environment of its own: pip install "evidently==0.7.23" "pandas<3"; python make_evidently.py > evidently.json
"""

import json

SEED = 20


def main() -> None:
    """Print it."""
    import numpy as np
    import pandas as pd
    from evidently.legacy.calculations.stattests import jensenshannon_stat_test, psi_stat_test
    from evidently.legacy.core import ColumnType

    rng = np.random.default_rng(SEED)
    drawn = {
        "shifted": (rng.normal(size=20_000), rng.normal(0.5, 1.0, 10_000)),
        "same": (rng.lognormal(size=20_000), rng.lognormal(size=10_000)),
        "few": (rng.integers(0, 6, 5000).astype(float), rng.integers(0, 7, 3000).astype(float)),
    }
    found: dict[str, object] = {"seed": SEED, "evidently": "0.7.23"}
    for name, (reference, current) in drawn.items():
        sides = (pd.Series(reference), pd.Series(current), ColumnType.Numerical, 0.1)
        found[name] = {
            "psi": float(psi_stat_test(*sides).drift_score),
            "js": float(jensenshannon_stat_test(*sides).drift_score),
        }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
