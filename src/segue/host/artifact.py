"""Is the artifact folder still what was registered?"""

import hashlib
import os
from pathlib import Path
from typing import Final

from segue.errors import NotFound, Refused

_READ_BYTES: Final = 1 << 20
_LEFT_OUT: Final = "__pycache__"  # importing a factory from inside the folder writes there


def folder_digest(folder: Path) -> str:
    """What identifies an artifact folder's content: sha256 over the names and contents of its files, in order of name.

    Each name and each content is preceded by its length (8 bytes, big-endian), so no two folders give the same bytes.

    Args:
        folder: absolute. `__pycache__` folders do not count; links count as what they point at.

    Returns:
        64 hexadecimal digits.

    Raises:
        NotFound: there is no such folder.
    """
    if not folder.is_dir():
        raise NotFound(f"there is no artifact folder {folder}")
    files = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    total = hashlib.sha256()
    for name in sorted((it for it in files if _LEFT_OUT not in it.parts), key=lambda it: it.as_posix()):
        encoded = name.as_posix().encode()
        total.update(len(encoded).to_bytes(8, "big") + encoded)
        with files[name].open("rb") as file:
            total.update(os.fstat(file.fileno()).st_size.to_bytes(8, "big"))
            while piece := file.read(_READ_BYTES):
                total.update(piece)
    return total.hexdigest()


def check_artifact(folder: Path, registered: str) -> None:
    """Refuse a folder whose content is not what was registered.

    Args:
        folder: the version's artifact.
        registered: the digest taken at registration, or "" where none was.

    Raises:
        Refused: the content has changed.
        NotFound: the folder is gone.
    """
    if not registered:
        return
    found = folder_digest(folder)
    if found != registered:
        raise Refused(
            f"the artifact {folder} has changed since it was registered: digest {found}, registered {registered}",
            hint="register the changed folder as a new version, or put the registered files back",
        )
