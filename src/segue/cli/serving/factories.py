"""Would a host find the factory of a version? It is imported here as a host's worker would, in a process of its own.

A registered version stays as it is, so a factory that no host can import is better noticed before. Whatever its module does
when it is imported stays in that process, `python -P -m segue.cli.serving.factories FACTORY FOLDER`.
"""

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

from segue.errors import DomainError, Refused, near_miss
from segue.extras import installing
from segue.host.model import factory_of

WITHIN_S: Final = 120.0
"""Real time to import it, as long as a worker has to start."""
_RUNTIMES: Final = "segue.host.runtimes."
_UNCHECKED: Final = "where hosts have what is missing here: --unchecked"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the import.

    Args:
        problem: why there is no such factory here, or "".
        hint: what to do about it, to be followed by another way out, or "".
        here_only: it was found only because its module lies in the folder where the command was given.
    """

    problem: str = ""
    hint: str = ""
    here_only: bool = False


def require_factory(factory: str, folder: Path | None) -> bool:
    """See that a factory can be imported on this machine; whether that is so only from the folder of the command.

    Args:
        factory: `module:function`.
        folder: what is put on the import path for it, or None.

    Raises:
        DomainError: it cannot, with the reason and what a host needs.
    """
    command = [sys.executable, "-P", "-m", __name__, factory, str(folder or "")]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=WITHIN_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        text = f"the factory {factory} was not imported within {WITHIN_S:g} s"
        raise DomainError(text, hint=f"a worker has no more time; {_UNCHECKED}") from None
    if done.returncode or not done.stdout:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or [""])[-1]
        text = f"importing the factory {factory} ended the process with status {done.returncode}"
        raise DomainError(text + (f": {last}" if last else ""), hint=_UNCHECKED)
    found = msgspec.json.decode(done.stdout, type=Found)
    if found.problem:
        raise DomainError(found.problem, hint=found.hint + _UNCHECKED)
    return found.here_only


def look(factory: str, folder: str) -> Found:
    """Import it in this process: from the folder and Python's packages; then from the working directory too, as `-m` does."""
    if folder:
        sys.path.insert(0, folder)
    try:
        factory_of(factory)
    except Refused:
        sys.path.insert(1 if folder else 0, str(Path.cwd()))
        importlib.invalidate_caches()
    else:
        return Found()
    try:
        factory_of(factory)
    except Refused as error:
        return Found(problem=error.message, hint=_hint(factory, error.__cause__))
    return Found(here_only=True)


def _hint(factory: str, cause: BaseException | None) -> str:
    module = factory.partition(":")[0]
    if isinstance(cause, AttributeError) and cause.name and cause.obj is not None:
        near = near_miss(cause.name, dir(cause.obj))
        return f"{near} " if near else ""
    if not isinstance(cause, ModuleNotFoundError) or not cause.name:
        return ""
    if f"{module}.".startswith(f"{cause.name}."):
        return "--path names the folder that it lies in; without, a host looks where it is started and in its packages; "
    if module.startswith(_RUNTIMES):
        return f"`{cause.name}` comes with {installing(module.removeprefix(_RUNTIMES))}; "
    return f"its module needs `{cause.name}`, which is not installed here; "


def main() -> None:
    """Say what was found on the standard output; what the module itself prints goes to the standard error."""
    voice = os.dup(1)
    os.dup2(2, 1)
    factory, folder = sys.argv[1:]
    said = msgspec.json.encode(look(factory, folder))
    os.write(voice, said)
    os._exit(0)  # whatever the module has started is not waited for


if __name__ == "__main__":
    main()
