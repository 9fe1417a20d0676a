"""The registry's line, for mypy: it holds the third engine to the protocol like the other two."""

from orchestrator.engines.protocol import Engine
from tests.support.third_engine import bigram

ENGINES: tuple[Engine, ...] = (bigram,)
