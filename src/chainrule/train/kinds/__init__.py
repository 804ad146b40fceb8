"""What a recipe is about: each kind with its pictures, its part of the model card, and its answers about a user's own data.

Reading order: `images` with `framing`, `sentences` (what a text says), `texts` (runs that write), `blanks` (runs that fill them),
`retrieval` (pictures and their words), `forecasts`.
"""

from .blanks import Blanks
from .forecasts import Forecasts
from .images import Images
from .retrieval import Pairs
from .sentences import ClassifiedTexts
from .texts import Texts

__all__ = ["Blanks", "ClassifiedTexts", "Forecasts", "Images", "Pairs", "Texts"]
