"""How to get what is missing, said by real installations: it has to name the place that each came from, and to work."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from segue.extras import spelled

HERE = Path(__file__).parents[2]
OFFLINE = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--no-build-isolation"]


def pip(*words: str) -> None:
    """It has to succeed."""
    subprocess.run([sys.executable, "-m", "pip", *words, *OFFLINE], check=True, capture_output=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This very source as a wheel."""
    folder = tmp_path_factory.mktemp("a wheel")
    pip("wheel", "--wheel-dir", str(folder), str(HERE))
    (found,) = folder.glob("*.whl")
    return found


@pytest.mark.parametrize("made", ["editable", "folder", "wheel"])
def test_real_installations(made: str, tmp_path: Path, wheel: Path) -> None:
    """Installed from a folder, in place, or from a wheel, the command names that, and pip would do what it says."""
    source = {"editable": ["--editable", str(HERE)], "folder": [str(HERE)], "wheel": [str(wheel)]}[made]
    pip("install", "--ignore-installed", "--prefix", str(tmp_path), *source)
    (packages,) = tmp_path.glob("lib/python*/site-packages")
    asked = [sys.executable, "-c", "from segue.extras import installing; print(installing('api'))"]
    path = os.pathsep.join(map(str, [packages, HERE / "src"]))
    command = subprocess.run(
        asked, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True
    ).stdout.strip()
    told = {
        "editable": f"pip install -e {shlex.quote(f'{HERE}[api]')}",
        "folder": f"pip install {shlex.quote(f'{HERE}[api]')}",
        "wheel": f"pip install {shlex.quote(f'segue[api] @ {wheel.as_uri()}')}",
    }
    assert command == told[made]
    tried = f"{sys.executable} -m {command} --dry-run --ignore-installed {' '.join(OFFLINE[1:])}"
    done = subprocess.run(tried, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Would install segue-" in done.stdout


@pytest.mark.parametrize(
    ("direct_url", "command"),
    [
        ('{"url": "file:///srv/it\'s%20here", "dir_info": {}}', """pip install '/srv/it'"'"'s here[api]'"""),
        (
            '{"url": "ssh://git@host/a.git", "vcs_info": {"vcs": "git", "commit_id": "1f0c"}, "subdirectory": "py"}',
            "pip install 'segue[api] @ git+ssh://git@host/a.git@1f0c#subdirectory=py'",
        ),
        ("{", "pip install 'segue[api]'"),
        ('{"dir_info": {}}', "pip install 'segue[api]'"),
    ],
)
def test_records(direct_url: str, command: str) -> None:
    """A shell reads the path back whatever is in it, a repository is named with its commit, and a torn record is none."""
    assert spelled(direct_url, "api") == command
