"""Writing files: as the room `files` does it."""

from ..files.whole import SaveError, append_line, write_whole

<<<<<<< HEAD
__all__ = ["SaveError", "append_line", "write_whole"]
=======
__all__ = ["SaveError", "append_bytes", "append_line", "refusals", "write_whole"]


class SaveError(ChainruleError, OSError):
    """A file that the system refused to write: a full disk, no permission, no such folder.

    `errno` and `strerror` are the system's reason, `filename` is the path. What was saved before is
    untouched.
    """


@contextlib.contextmanager
def refusals(path: Path) -> Iterator[None]:
    """While the block runs, what the system refuses becomes a `SaveError` about `path`."""
    try:
        yield
    except SaveError:
        raise
    except OSError as e:
        raise SaveError(e.errno, e.strerror or str(e), str(path)) from e


def write_whole(path: Path, content: bytes) -> None:
    """Make `content` the file `path`: written beside it, flushed to the disk, then renamed.

    A crash at any moment leaves the old file or the new one, never a part.

    Raises:
        SaveError: the system refused; the temporary file is removed, an old file at `path` stays.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "notes.txt"
    >>> write_whole(path, b"all of it")
    >>> path.read_bytes()
    b'all of it'
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with refusals(path):
        try:
            with open(temporary, "wb") as f:
                f.write(content)
                f.flush()
                os.fsync(f.fileno())
            os.replace(temporary, path)
        except BaseException:  # a KeyboardInterrupt too must not leave the temporary file
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """On POSIX a rename is on the disk when its folder is. Windows cannot open folders, and does
    not need it.
    """
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def append_line(path: Path, line: str) -> None:
    """Add one line of text to a file, which is made if need be.

    Raises:
        SaveError: the system refused.
    """
    append_bytes(path, (line + "\n").encode())


def append_bytes(path: Path, content: bytes) -> None:
    """Add bytes to a file, which is made if need be.

    Raises:
        SaveError: the system refused.
    """
    with refusals(path), open(path, "ab") as f:
        f.write(content)
>>>>>>> e545ed8 (Training: tasks, accumulation, clipping that is told, averages, goals, TensorBoard, kept checkpoints, range test; eval, predict, runs)
