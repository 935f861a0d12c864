"""Texts under keys, of this machine only: ``@folder/@folder/name``. Keys of folders are ``@folder/@folder``."""

from __future__ import annotations

import os

from kachery import Invalid, _session


def set_mutable_local(key: str, value: str) -> None:
    """Keep a text under a key, in place of what was there."""
    if not isinstance(value, str):
        raise Invalid(f"the value of a mutable is a str, not {type(value).__name__}")
    _session.current().file_mutable_set(os.fsencode(key), value.encode("utf-8"))


def get_mutable_local(key: str, default_value: str | None = None) -> str | None:
    """The text under a key, or `default_value`."""
    value = _session.current().file_mutable_get(os.fsencode(key))
    return default_value if value is None else value.decode("utf-8")


def delete_mutable_local(key: str) -> None:
    """Take away the text under a key; there must be one."""
    _session.current().file_mutable_delete(os.fsencode(key))


def delete_mutable_folder_local(key: str) -> None:
    """Take away a folder with everything in it; there must be one."""
    _session.current().file_mutable_delete_folder(os.fsencode(key))
