"""What LLaMA-Factory's releases can do that others cannot, by name; a release lists what it has.

Which keys a release knows stands in ``words/``; here is how it treats them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.envs.release import Release

TRUST_KEY = "trust-key"
"""Its files take `trust_remote_code`. A release without it runs any model's own code unasked
(llamafactory/model/loader.py), and the scripts of hub data sets (data/loader.py)."""
KEYS_AFTER_FILE = "keys-after-file"
"""`llamafactory-cli train FILE key=value`. Without it a command takes one file and nothing else."""
OMEGACONF = "omegaconf"
"""Its files are read by OmegaConf, which takes `${…}` for a reference; else by plain YAML."""
NODE_RANK = "node-rank"
"""Of several machines it learns its number from NODE_RANK; else from RANK."""

CPU_FOUR_BITS = "cpu-four-bits"
"""Its bitsandbytes has 4-bit kernels for a CPU: a rehearsal of QLoRA is QLoRA."""

SINCE_0_9 = frozenset({TRUST_KEY, KEYS_AFTER_FILE, OMEGACONF, NODE_RANK, CPU_FOUR_BITS})
#: Version -> what it can do.
OF: Mapping[str, frozenset[str]] = {"0.9.5": SINCE_0_9, "0.8.3": frozenset()}


def runs_code_unasked(release: Release) -> bool:
    """Whether a model's own code runs in ``release`` whatever a recipe says of trust."""
    return TRUST_KEY not in release.capabilities
