"""What a factor is: its patches and its channels.

`inspection.classes` asks the network's classifier, and loads torch.
"""

from .patches import Patch, crop, top_patches
from .spectrum import ChannelShare, spectrum

__all__ = ["ChannelShare", "Patch", "crop", "spectrum", "top_patches"]
