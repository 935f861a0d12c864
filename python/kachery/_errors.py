"""The exceptions of kachery: one class per error code, each also a kind of the built-in exception one would expect.

``except KacheryError`` catches whatever kachery reports; ``except TimeoutError`` or ``except FileNotFoundError`` catch
what they always catch. ``str(error)`` is the message and nothing else: what was tried, on what, and what the user can do.
"""

from __future__ import annotations

__all__ = [
    "Cancelled",
    "Corrupt",
    "Denied",
    "Exhausted",
    "Exists",
    "Internal",
    "Invalid",
    "KacheryError",
    "NotFound",
    "TimedOut",
    "Unavailable",
]


class KacheryError(Exception):
    """Base of every error that kachery raises on purpose.

    Parameters
    ----------
    message : str
        What was tried, on what, why it failed and what the user can do.

    Attributes
    ----------
    code : str
        Name of the error code, the same in every program and on the wire.
    """

    code = "internal"

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        # OSError would print "[Errno ...]" around the message.
        return self.message


class Invalid(KacheryError, ValueError):
    """An argument cannot be used: a malformed URI, a value of a type that cannot be stored, a name that is too long."""

    code = "invalid"


class NotFound(KacheryError, FileNotFoundError, LookupError):
    """The file, feed, mutable, task or name exists nowhere that was asked."""

    code = "not_found"


class Exists(KacheryError):
    """Something is there already and would have to be replaced."""

    code = "exists"


class Denied(KacheryError, PermissionError):
    """Not allowed: the hub refused this node, or a file asks for something that is never done, such as running code."""

    code = "denied"


class Unavailable(KacheryError, ConnectionError):
    """The hub, bucket or daemon could not be reached; trying again later may help."""

    code = "unavailable"


class TimedOut(KacheryError, TimeoutError):
    """The answer did not come before the deadline."""

    code = "timed_out"


class Cancelled(KacheryError):
    """The caller or the user ended the operation before it was done."""

    code = "cancelled"


class Corrupt(KacheryError):
    """The bytes are not what they claim to be: a wrong hash or signature, a damaged or malformed file."""

    code = "corrupt"


class Exhausted(KacheryError, OSError):
    """No space is left, a quota is used up, or a limit on size, depth or work was passed."""

    code = "exhausted"


class Internal(KacheryError, RuntimeError):
    """A bug in kachery; please report it."""

    code = "internal"
