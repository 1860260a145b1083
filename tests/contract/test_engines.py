"""The contract, over every engine of ``conftest``."""

from contract.suite import *  # noqa: F403
