"""A host's settings."""

import pytest

from segue.errors import DomainError
from segue.host.settings import HostSettings


def test_a_host_has_a_name_and_positive_times() -> None:
    """A host without a name, or with a time that is none, is refused."""
    assert HostSettings(host="a").poll_s > 0
    with pytest.raises(DomainError, match="a host has a name"):
        HostSettings(host="")
    with pytest.raises(DomainError, match=r"grace_s is 0\.0"):
        HostSettings(host="a", grace_s=0.0)
