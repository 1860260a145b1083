"""s1kit: control how long a model thinks, and measure what that buys.

This module names the version and nothing else: importing ``s1kit`` loads neither torch nor pyarrow, so that
``s1 --help`` answers at once. Import the part you need: ``s1kit.forcing.machine``, ``s1kit.engines.hf`` and so on.
"""

__version__ = "0.1.0"
