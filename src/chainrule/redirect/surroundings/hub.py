"""PyTorch's `torch.hub` and `torch.utils.model_zoo`: files that lie where PyTorch keeps them are read; nothing is downloaded."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlparse

from ...base.errors import DataNotFoundError
from ...files.saving import load as _load

__all__ = [
    "download_url_to_file",
    "get_dir",
    "load",
    "load_state_dict_from_url",
    "load_url",
    "set_dir",
]

_folder: list[Path] = []
HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
"""Where the name of a file holds the beginning of its checksum."""


def get_dir() -> str:
    """The folder of checkpoints and repositories: $TORCH_HOME/hub, by default ~/.cache/torch/hub."""
    if _folder:
        return str(_folder[0])
    return str(Path(_get_torch_home()) / "hub")


def _get_torch_home() -> str:
    """The folder of everything that PyTorch keeps: $TORCH_HOME, by default ~/.cache/torch."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return str(Path(os.environ.get("TORCH_HOME", f"{cache}/torch")).expanduser())


def set_dir(d: str | Path) -> None:
    """Say which folder it is."""
    _folder[:] = [Path(d).expanduser()]


def load_state_dict_from_url(
    url: str,
    model_dir: str | Path | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = True,
) -> Any:
    """The state dict of a checkpoint, if PyTorch, or you, have put its file into `get_dir()/checkpoints`.

    Args:
        url: its address, of which the last part names the file.
        model_dir: another folder.
        map_location: as of `load`.
        progress: without effect: there is nothing to wait for.
        check_hash: without effect: a file that was not downloaded is as it is.
        file_name: another name of the file.
        weights_only: True; nothing in a file is ever run.

    Raises:
        DataNotFoundError: the file is not there, so that it would have to be downloaded.
    """
    folder = Path(model_dir) if model_dir is not None else Path(get_dir()) / "checkpoints"
    path = folder / (file_name or Path(urlparse(url).path).name)
    if not path.is_file():
        _refuse(url, path)
    return _load(path, map_location=map_location)


load_url = load_state_dict_from_url


def download_url_to_file(url: str, dst: str, *args: Any, **kwargs: Any) -> None:
    """Refused: nothing is downloaded."""
    _refuse(url, Path(dst))


def load(repo_or_dir: str, model: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Refused: a repository's code would be downloaded and run."""
    raise DataNotFoundError(
        f"torch.hub.load: the repository {repo_or_dir!r} would be downloaded and its code be run, which is not done here\n"
        "  hint: import the model from its own package, or chainrule.models.from_pretrained for a folder"
    )


def _refuse(url: str, path: Path) -> NoReturn:
    raise DataNotFoundError(
        f"{path}: there is no such file, and nothing is downloaded\n  hint: put the file there that is at {url}"
    )
