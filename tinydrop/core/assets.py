"""The one door to what comes with the project: pairs, samples, traces and tables.

In an installed package they lie beside the code, as ``tinydrop/bundled``; in a clone they are the
repository's top-level folder ``assets``, which ``pyproject.toml`` maps to that place when a wheel
is made. So a clone, an editable and a plain installation all find the same files.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from tinydrop.core.errors import SettingError, quoted


def assets_folder() -> Path:
    """Return the folder that holds ``pairs``, ``samples``, ``traces`` and ``tables``.

    Raises:
        SettingError: if it is neither beside the code nor beside the package in a clone.
    """
    package = resources.files("tinydrop")
    if isinstance(package, Path):
        for folder in (package / "bundled", package.parent / "assets"):
            if (folder / "pairs").is_dir():
                return folder
    raise SettingError(
        f"The bundled pairs and photographs are not beside the code in {package}; install "
        "tinydrop again, unpacked, from its wheel or its repository."
    )


def asset(*parts: str) -> Path:
    """Return the path of a bundled file or folder, for example ``asset("pairs", "bundled")``.

    Raises:
        SettingError: if the bundled files are not there at all.
    """
    return assets_folder().joinpath(*parts)


def samples_folder() -> Path:
    """Return the folder of the bundled photographs and of their ``samples.json``."""
    return asset("samples")


def sample_path(name: str) -> Path:
    """Return where a bundled photograph lies.

    Args:
        name: what links and copied code call it, for example ``dog``.

    Raises:
        SettingError: if there is no photograph of that name.
    """
    names = sorted(path.stem for path in samples_folder().glob("*.jpg"))
    if name not in names:
        raise SettingError(
            f"There is no bundled photograph {quoted(name)}; use one of {', '.join(names)}."
        )
    return samples_folder() / f"{name}.jpg"
