"""Which kinds of metric say how a variant serves, and what its answers lead to?"""

from typing import Final

from segue.spec.catalogue.kind import Kind

OPERATIONS: Final[dict[str, Kind]] = {
    "error_rate": Kind(goal="decrease", needs="nothing", outcome=False, shape="proportion", bounded=True),
    "latency_quantile": Kind(
        goal="decrease", needs="nothing", outcome=False, shape="quantile", bounded=False, parameters={"q": None}
    ),
}
BUSINESS: Final[dict[str, Kind]] = {
    "mean": Kind(goal=None, needs="nothing", outcome=True, shape="mean", bounded=False, scale="value", of=True, shadow=False),
}
VERSIONS: Final[dict[str, Kind]] = {
    "agreement": Kind(goal="increase", needs="label", outcome=False, shape="proportion", bounded=True),
}
SERVICE: Final[dict[str, dict[str, Kind]]] = {
    "Operations": OPERATIONS,
    "Business": BUSINESS,
    "Agreement between versions": VERSIONS,
}
