"""How much of the machine may a query take?"""

import msgspec


class DuckdbSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of the embedded engine.

    Args:
        memory_bytes: past it, intermediate results and kept rows go to `spill_folder`.
        threads: of one query.
        rows_at_once: a measurement takes about so many predictions at a time.
        kept_file_bytes: a segment up to this size is read once and kept; a larger one is read where it lies.
        kept_rows: rows of read segments that are kept for the next query; past it, those not in use are dropped.
        spill_folder: a folder of its own, "" for the engine's choice below the system's temporary folder.
    """

    memory_bytes: int = 512 * 1024 * 1024
    threads: int = 2
    rows_at_once: int = 2_000_000
    kept_file_bytes: int = 1024 * 1024
    kept_rows: int = 2_000_000
    spill_folder: str = ""
