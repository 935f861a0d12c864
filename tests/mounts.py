"""File systems to break: tmpfs of any size, ext4 and xfs in a file, cut off as by a power failure."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import os
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator

CLONE_NEWNS = 0x00020000
# EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN, _IOR('X', 125, __u32), with "flush neither log nor data".
IOC_SHUTDOWN = 0x8004587D
NO_FLUSH = struct.pack("I", 2)


@functools.cache
def why_not() -> str | None:
    """None if this process may mount. It then has mounts of its own, which nobody else sees and nothing outlives."""
    if os.geteuid() != 0:
        return "only root can mount file systems"
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        return f"mounts of our own are not permitted here: {os.strerror(ctypes.get_errno())}"
    with tempfile.TemporaryDirectory() as place:
        for command in (["mount", "--make-rprivate", "/"], ["mount", "-t", "tmpfs", "none", place], ["umount", place]):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                return f"mounting is not permitted here: {done.stderr.strip()}"
    return None


@functools.cache
def why_no_image(kind: str) -> str | None:
    """None if a file with a file system of this kind can be made and mounted."""
    if shutil.which(f"mkfs.{kind}") is None:
        return f"mkfs.{kind} is not installed"
    with tempfile.TemporaryDirectory() as place:
        image = Path(place) / "image"
        make_image(image, kind)
        try:
            with mounted(image, Path(place) / "mounted", "loop"):
                return None
        except subprocess.CalledProcessError as failure:
            return f"loop devices cannot be used here: {failure.stderr.strip()}"


def command(*words: str | os.PathLike) -> None:
    subprocess.run([os.fspath(word) for word in words], check=True, capture_output=True, text=True)


def make_image(image: Path, kind: str) -> None:
    image.unlink(missing_ok=True)
    with image.open("wb") as file:
        file.truncate((320 if kind == "xfs" else 64) << 20)
    command(f"mkfs.{kind}", "-q", image)


@contextlib.contextmanager
def mounted(what: str | os.PathLike, place: Path, options: str, kind: str | None = None) -> Iterator[Path]:
    """Always unmounted at the end; its loop device goes with it."""
    place.mkdir(exist_ok=True)
    command("mount", "-o", options, *(["-t", kind] if kind else []), what, place)
    try:
        yield place
    finally:
        unmount(place)


def unmount(place: Path) -> None:
    if subprocess.run(["umount", place], capture_output=True).returncode != 0:
        command("umount", "--lazy", place)


def tmpfs(place: Path, size: int) -> contextlib.AbstractContextManager[Path]:
    return mounted("none", place, f"size={size},mode=0755", "tmpfs")


def cut_power(place: Path) -> None:
    """From now on nothing reaches the disk, and what is not there yet is lost."""
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(descriptor, IOC_SHUTDOWN, NO_FLUSH)
    finally:
        os.close(descriptor)
