"""In what form something is known of a data set: its files with checksums and mirrors, its licence and source, its sizes, and what it
can and cannot teach.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["File", "Layout", "Record"]


@dataclass(frozen=True)
class File:
    """One file of a data set.

    Attributes:
        role: what it holds: "train images".
        name: under which it is published, and to which it is fetched.
        checksum: sha256 of its bytes in hexadecimal, or md5 where its makers published no other.
        bytes: its size.
        mirrors: from where it can be had, tried in order.
        others: further names under which the same content may lie, each with its checksum.
    """

    role: str
    name: str
    checksum: str
    bytes: int
    mirrors: tuple[str, ...] = ()
    others: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> dict[str, str]:
        """Every name the file may have -> its checksum."""
        return {self.name: self.checksum, **dict(self.others)}


@dataclass(frozen=True)
class Layout:
    """One form in which a data set is published: all of `files`, in one of `folders` of the data
    folder (or in the data folder itself).

    Attributes:
        name, folders, files: see above.
        sizes: the sizes of its parts, if this form has not all samples.
    """

    name: str
    folders: tuple[str, ...]
    files: tuple[File, ...]
    sizes: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Record:
    """All that is known of a data set before it is loaded.

    Attributes:
        name: that `load_dataset` and the command line take.
        title: one line.
        layouts: the forms that are understood, the best first; `fetched` names the one that
            `chainrule data get` fetches, None if it cannot be fetched.
        sizes: of train, validation and test.
        source: who made it, where it is described.
        licence: as its makers state it, or that they state none.
        teaches: what can be learned from it.
        limits: what cannot.
        unreadable: names whose presence means the data are there in a form that is not read -> why
            and what to do.
    """

    name: str
    title: str
    layouts: tuple[Layout, ...]
    sizes: dict[str, int]
    source: str
    licence: str
    teaches: str
    limits: tuple[str, ...]
    fetched: str | None = None
    unreadable: tuple[tuple[str, str], ...] = ()

    def layout(self, name: str) -> Layout:
        """The layout of this name."""
        return next(each for each in self.layouts if each.name == name)

    def describe(self) -> str:
        """The record as text, as the command line prints it."""
        sizes = ", ".join(f"{n:,} {part}" for part, n in self.sizes.items())
        lines = [
            f"{self.name}: {self.title}",
            f"  samples   {sizes}",
            f"  source    {self.source}",
            f"  licence   {self.licence}",
            f"  teaches   {self.teaches}",
        ]
        lines += [
            f"  {'limits' if k == 0 else '':<10}{limit}" for k, limit in enumerate(self.limits)
        ]
        return "\n".join(lines)
