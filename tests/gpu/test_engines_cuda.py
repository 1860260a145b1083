"""The engine contract on CUDA."""

import pytest

from contract.suite import *  # noqa: F403

pytestmark = pytest.mark.gpu
