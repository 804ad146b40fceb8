"""The switches of `tape.modes`."""

from ..tape.modes import *  # noqa: F403
