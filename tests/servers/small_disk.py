"""A disk that is full: the kernel refuses what would make a file of this process longer."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def disk_of(size_bytes: int) -> Iterator[None]:
    """Lets no file of this process grow beyond a size: the kernel cuts the write that would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
