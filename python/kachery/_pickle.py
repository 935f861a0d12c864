"""Plain data as pickle files: written as the first kachery wrote them, read without running anything they name.

A pickle is a program (PEP 307, PEP 3154, PEP 574); the standard unpickler runs it, and with it whatever its author
liked. Here `dump` writes only values that can be rebuilt without a class, and `decode` is a reader that knows how to
build plain data and numpy arrays and can do nothing else.
"""

from kachery._pickle_reader import decode
from kachery._pickle_writer import dump

__all__ = ["decode", "dump"]
