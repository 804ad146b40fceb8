"""Writing files: as the room `files` does it."""

from ..files.whole import SaveError, append_line, write_whole

__all__ = ["SaveError", "append_line", "write_whole"]
