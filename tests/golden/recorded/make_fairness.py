"""Writes fairness.json: rows, and what fairlearn says of them. Run with fairlearn 0.15.0 and scikit-learn 1.9.1 installed."""

import json
import random
from pathlib import Path

N = 400


def main() -> None:
    """Draw the rows, ask fairlearn, write both down."""
    from fairlearn import metrics as fair

    rng = random.Random(3)
    groups = [rng.choice(["DE", "AT", "CH"]) for _ in range(N)]
    truth = [int(rng.random() < 0.4) for _ in range(N)]
    label = [int(rng.random() < (0.7 if y else 0.2) + (0.1 if g == "DE" else 0)) for y, g in zip(truth, groups, strict=True)]
    said = {}
    for method, versus in (("between_groups", "groups"), ("to_overall", "overall")):
        about = {"sensitive_features": groups, "method": method}
        for kind in ("demographic_parity", "equal_opportunity", "equalized_odds"):
            for form in ("difference", "ratio"):
                said[f"{kind} {form} {versus} worst"] = float(getattr(fair, f"{kind}_{form}")(truth, label, **about))
        for form in ("difference", "ratio"):
            odds = getattr(fair, f"equalized_odds_{form}")
            said[f"equalized_odds {form} {versus} mean"] = float(odds(truth, label, agg="mean", **about))
    data = {"groups": groups, "truth": truth, "label": label, "fairlearn": said}
    Path(__file__).with_name("fairness.json").write_text(json.dumps(data, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
