"""Packages that only some functions need."""

from __future__ import annotations


def require(package: str, user: str) -> None:
    """Import a package, or say what to install.

    Parameters
    ----------
    package : str
        Its name, for import and for pip.
    user : str
        The function that needs it, for the message.

    Raises
    ------
    ModuleNotFoundError
        It is not installed.
    """
    import importlib

    try:
        importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise  # It is there, and something of its own is missing.
        raise ModuleNotFoundError(f"{user} needs {package}: pip install {package}", name=package) from None
