"""Writes torchmetrics.json: what torchmetrics 1.9.0, with torch 2.13.0, says of scores and lists; both must be installed."""

import json
import random
from pathlib import Path

N, QUERIES, ITEMS, K = 300, 40, 8, 5


def main() -> None:
    """Draw the rows, ask torchmetrics in double precision, write both down."""
    import torch
    import torchmetrics
    from torchmetrics import classification, retrieval

    rng = random.Random(1)
    score = [(rng.randrange(1000) + 0.5) / 1000 for _ in range(N)]
    truth = [int(rng.random() < it) for it in score]
    p, y = torch.tensor(score, dtype=torch.float64), torch.tensor(truth)
    said = {
        "ece": float(classification.BinaryCalibrationError(n_bins=15, norm="l1")(p, y)),
        "mce": float(classification.BinaryCalibrationError(n_bins=15, norm="max")(p, y)),
        "specificity": float(classification.BinarySpecificity(threshold=0.5)(p, y)),
        "negative_predictive_value": float(classification.BinaryNegativePredictiveValue(threshold=0.5)(p, y)),
    }
    lists = [rng.sample(range(ITEMS), ITEMS) for _ in range(QUERIES)]
    relevant = [sorted(rng.sample(range(ITEMS), rng.randint(0, 4))) for _ in range(QUERIES)]
    index = torch.tensor([q for q in range(QUERIES) for _ in range(ITEMS)])
    preds = torch.tensor([float(ITEMS - at) for _ in lists for at in range(ITEMS)], dtype=torch.float64)
    target = torch.tensor([int(it in relevant[q]) for q in range(QUERIES) for it in lists[q]])
    metrics = {
        "ndcg": retrieval.RetrievalNormalizedDCG,
        "mrr": retrieval.RetrievalMRR,
        "hit_rate": retrieval.RetrievalHitRate,
        "precision_at_k": retrieval.RetrievalPrecision,
        "recall_at_k": retrieval.RetrievalRecall,
    }
    for name, kind in metrics.items():
        for without, action in (("exclude", "skip"), ("zero", "neg")):
            said[f"{name} {without}"] = float(kind(top_k=K, empty_target_action=action)(preds, target, indexes=index))
    data = {
        "torchmetrics": torchmetrics.__version__,
        "score": score,
        "truth": truth,
        "lists": lists,
        "relevant": relevant,
        "k": K,
        "said": said,
    }
    Path(__file__).with_name("torchmetrics.json").write_text(json.dumps(data, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
