"""Writing files: as the room `files` does it."""

from ..files.whole import SaveError, append_bytes, append_line, refusals, unfinished, write_whole

__all__ = ["SaveError", "append_bytes", "append_line", "refusals", "unfinished", "write_whole"]
