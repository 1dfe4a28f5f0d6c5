"""Is a version's artifact on this machine, and is it what was registered?

What is downloaded is kept by model, version and digest. It is looked at before each load: a folder that is damaged is
downloaded again, and one that the server has changed since it was registered is refused.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec

from segue.adapters.registries.mlflow.client import Server
from segue.adapters.registries.mlflow.entries import DIGEST
from segue.errors import Refused
from segue.host.artifact import folder_digest
from segue.ports.registry import ModelVersion

_FOLDER: Final = "model"


def upload(server: Server, version: ModelVersion) -> tuple[str, str]:
    """Put a version's folder into MLflow; its address there, and the run that holds it.

    Of a folder that is not on this machine only the path is entered, for hosts that have it at the same place.
    """
    with server.asked() as client:
        run = client.create_run("0", run_name=f"segue {version.model} {version.version}")
        if Path(version.artifact).is_dir():
            client.log_artifacts(run.info.run_id, version.artifact, _FOLDER)
        client.set_terminated(run.info.run_id)
        return f"{run.info.artifact_uri}/{_FOLDER}", run.info.run_id


def fetched(server: Server, version: ModelVersion, cache: Path) -> ModelVersion:
    """The version with its artifact as a folder on this machine, checked.

    Args:
        server: where it is downloaded from.
        version: as the registry has it.
        cache: folder of what was downloaded.

    Raises:
        Refused: what the server gives is not what was registered.
        Unavailable: it gives nothing.
    """
    if Path(version.artifact).is_dir():
        return version  # registered on this machine; the worker compares the digest
    folder = cache / quote(version.model, safe="") / quote(version.version, safe="")
    if not (folder.is_dir() and version.digest and folder_digest(folder) == version.digest):
        found = _download(server, version, folder)
        if version.digest and found != version.digest:
            shutil.rmtree(folder)
            raise Refused(
                f"the artifact of {version.model} {version.version} is not what was registered: digest {found},"
                f" registered {version.digest}",
                hint="register what is there now as a new version",
            )
        if not version.digest:
            with server.asked() as client:
                client.set_model_version_tag(version.model, version.version, DIGEST, found)
            version = msgspec.structs.replace(version, digest=found)
    return msgspec.structs.replace(version, artifact=str(folder))


def _download(server: Server, version: ModelVersion, folder: Path) -> str:
    """Download into a folder beside, and put it in its place whole; its digest."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".draft-") as draft:
        with server.asked() as client:
            from mlflow.artifacts import download_artifacts  # noqa: PLC0415 - MLflow is imported when it is needed

            source = client.get_model_version_download_uri(version.model, version.version)
            got = Path(download_artifacts(artifact_uri=source, dst_path=draft, tracking_uri=server.url))
        shutil.rmtree(folder, ignore_errors=True)
        got.rename(folder)
    return folder_digest(folder)
