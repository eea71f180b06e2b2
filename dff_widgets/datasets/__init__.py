"""Image sets: the embedded creatures, a person's own folder, and the data sets of the paper."""

from .creatures import creatures
from .folder import folder
from .gymnast import gymnast

__all__ = ["creatures", "folder", "gymnast"]
