"""How the older names were called: for the tests that compare."""

from __future__ import annotations

import inspect
from typing import Any


def signature_of(root: Any, name: str) -> str:
    """Names, order, kinds and defaults of the parameters of `root.name`, without their types."""
    value = root
    for part in name.split("."):
        value = getattr(value, part)
    signature = inspect.signature(value)
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))
