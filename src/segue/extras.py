"""How does somebody who has this very installation get an extra that it lacks?

By name alone an index might hand out what others have published under that name, so an installation that was made from a
folder, a file or a repository goes there again. Where it came from is in the `direct_url.json` that installers leave beside a
distribution's metadata (PEP 610); where there is none, it came from an index by its name.
"""

from shlex import quote
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

_NAME: Final = "segue"


class _Folder(msgspec.Struct, frozen=True):
    editable: bool = False


class _Repository(msgspec.Struct, frozen=True):
    vcs: str
    commit_id: str


class _Origin(msgspec.Struct, frozen=True):
    url: str
    dir_info: _Folder | None = None
    vcs_info: _Repository | None = None
    subdirectory: str = ""


def installing(extra: str = "") -> str:
    """The command that adds an extra to what is installed here; without one, that which installs it anew.

    Args:
        extra: a name in `[project.optional-dependencies]`.
    """
    from importlib import metadata  # noqa: PLC0415 - read where something is missing only, and workers import this

    try:
        found = metadata.distribution(_NAME)
    except metadata.PackageNotFoundError:
        return spelled(None, extra)
    with_uv = (found.read_text("INSTALLER") or "").strip() == "uv"
    return "uv " * with_uv + spelled(found.read_text("direct_url.json"), extra)


def spelled(direct_url: str | None, extra: str) -> str:
    """The command for an installation with this `direct_url.json`, None where it has none.

    >>> print(spelled('{"url": "file:///srv/my%20segue", "dir_info": {"editable": true}}', "api"))
    pip install -e '/srv/my segue[api]'
    >>> print(spelled('{"url": "https://git.example/segue", "vcs_info": {"vcs": "git", "commit_id": "1f0c"}}', "s3"))
    pip install 'segue[s3] @ git+https://git.example/segue@1f0c'
    >>> print(spelled('{"url": "file:///srv/segue-0.1.0-py3-none-any.whl", "archive_info": {}}', "s3"))
    pip install 'segue[s3] @ file:///srv/segue-0.1.0-py3-none-any.whl'
    >>> print(spelled(None, "s3"))
    pip install 'segue[s3]'
    """
    wanted = f"[{extra}]" if extra else ""
    try:
        origin = msgspec.json.decode(direct_url or "", type=_Origin)
    except msgspec.DecodeError:
        return f"pip install {quote(_NAME + wanted)}"
    if origin.dir_info is not None:
        folder = unquote(urlsplit(origin.url).path)
        return f"pip install {'-e ' * origin.dir_info.editable}{quote(folder + wanted)}"
    source = origin.url
    if origin.vcs_info is not None:
        source = f"{origin.vcs_info.vcs}+{source}@{origin.vcs_info.commit_id}"
    if origin.subdirectory:
        source += f"#subdirectory={origin.subdirectory}"
    return f"pip install {quote(f'{_NAME}{wanted} @ {source}')}"
