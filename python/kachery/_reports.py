"""What `info`, `verify` and `whoami` answer."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Info:
    """Where some content is.

    Parameters
    ----------
    kind : str
        "object" for a copy in the store, "link" for a file of yours, "path" where the name was a path.
    path : str
        Of the file: read it, do not change it.
    size : int
        In bytes.
    """

    kind: str
    path: str
    size: int


@dataclass(frozen=True)
class Finding:
    """Something that `verify` found.

    Parameters
    ----------
    uri : str
        The content, without a label.
    what : str
        What is wrong.
    """

    uri: str
    what: str


@dataclass(frozen=True)
class Verification:
    """What `verify` did and found.

    Parameters
    ----------
    objects, links : int
        How many were checked.
    bytes : int
        How many were read.
    damaged : list of Finding
        Objects whose content is not what their name says; they are now in quarantine.
    repaired : list of Finding
        Likewise, but made again from a linked file that has the content.
    stale_links : list of Finding
        Linked files that changed or went away.
    missing : list of Finding
        Asked for, and neither object nor link.
    """

    objects: int
    links: int
    bytes: int
    damaged: list[Finding] = field(default_factory=list)
    repaired: list[Finding] = field(default_factory=list)
    stale_links: list[Finding] = field(default_factory=list)
    missing: list[Finding] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether all that was checked is there and undamaged, now that what could be repaired is."""
        return not (self.damaged or self.stale_links or self.missing)


@dataclass(frozen=True)
class WhoAmI:
    """What this node is to the hub, and what it may do in a zone.

    Parameters
    ----------
    hub : str
        The address of the hub.
    node : str or None
        The public key of this machine's key pair; None if it has none yet.
    registered, revoked : bool
        Whether the hub knows the node; whether its user, or an admin, has shut it out.
    label, user : str or None
        What the node is called, and whose it is; None if it is not registered.
    zone : str
        Where the rest holds.
    upload, download, admin : bool
        What the node may do there.
    bytes, objects : int
        What its user has stored there.
    bytes_max, objects_max : int or None
        How much that may be; None for no limit.
    """

    hub: str
    node: str | None
    registered: bool
    revoked: bool
    label: str | None
    user: str | None
    zone: str
    upload: bool
    download: bool
    admin: bool
    bytes: int
    objects: int
    bytes_max: int | None
    objects_max: int | None
