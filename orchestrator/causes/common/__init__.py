"""The part of the table that belongs to no engine, by theme."""

from __future__ import annotations

from orchestrator.causes.common.data import DATA
from orchestrator.causes.common.distributed import DISTRIBUTED
from orchestrator.causes.common.endings import ENDINGS
from orchestrator.causes.common.gpu import GPU
from orchestrator.causes.common.kernels import KERNELS
from orchestrator.causes.common.machine import FILES_LAST, MACHINE, NETWORK
from orchestrator.causes.common.memory import MEMORY
from orchestrator.causes.common.models import MODELS
from orchestrator.causes.common.native import NATIVE
from orchestrator.causes.common.own_code import OWN_CODE
from orchestrator.causes.common.packages import PACKAGES, PACKAGES_LAST
from orchestrator.causes.common.tokenizers import TOKENIZERS
from orchestrator.causes.common.weights import WEIGHTS
from orchestrator.causes.explanation import Explanation

#: What is more specific than an engine's own entries of another engine, and less than its own.
COMMON: tuple[Explanation, ...] = (
    *OWN_CODE,
    *(*MEMORY, *GPU, *DISTRIBUTED, *MACHINE, *NETWORK),
    *(*KERNELS, *NATIVE, *PACKAGES, *TOKENIZERS, *MODELS, *WEIGHTS, *DATA, *ENDINGS),
)
#: What names no cause of its own: a file or a module that is not there.
LAST: tuple[Explanation, ...] = (*PACKAGES_LAST, *FILES_LAST)
