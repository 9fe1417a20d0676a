"""Every entry of the table of causes, held to one form and tried on its own sample."""

from __future__ import annotations

import re
import string

import pytest

from orchestrator.causes.common import COMMON, LAST
from orchestrator.causes.explanation import Explanation
from orchestrator.causes.why import explain
from orchestrator.engines import registry
from orchestrator.envs.failures import INSTALLING

OWN = {entry.id: engine for engine in registry.ENGINES for entry in engine.explanations}
TABLE = [*COMMON, *LAST, *(entry for engine in registry.ENGINES for entry in engine.explanations)]
INSTALL_LOG = "\n$ /x/bin/uv pip install --requirement requirements.txt\n"


def test_the_table_is_large_enough_and_every_id_is_its_own() -> None:
    ids = [entry.id for entry in TABLE]
    assert len(ids) == len(set(ids)) >= 60
    assert all(name.startswith(f"{engine.name}-") for name, engine in OWN.items())


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry.id)
def test_an_entry_explains_its_own_sample(entry: Explanation) -> None:
    table = registry.causes(entry.sample, OWN.get(entry.id))
    found = explain(f"a line before\n{entry.sample}\n", table)
    assert found is not None
    assert found.id == entry.id
    assert found.evidence
    assert found.evidence in entry.sample


@pytest.mark.parametrize("entry", INSTALLING, ids=lambda entry: entry.id)
def test_an_entry_of_the_installer_explains_its_own_sample(entry: Explanation) -> None:
    log = f"{INSTALL_LOG}Resolved 3 packages\n{entry.sample}\n"
    found = explain(log, registry.causes(log))
    assert found is not None
    assert found.id == entry.id
    assert not set(registry.causes(entry.sample)) & set(INSTALLING)


@pytest.mark.parametrize("entry", [*TABLE, *INSTALLING], ids=lambda entry: entry.id)
def test_an_entry_has_the_form(entry: Explanation) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*", entry.id)
    groups = set(re.compile(entry.pattern, re.MULTILINE).groupindex)
    for english, chinese in (entry.cause, entry.fix):
        assert not re.search(r"[一-鿿]", english), english
        for text in (english, chinese):
            assert text == text.strip()
            assert text
            used = {name for _, name, _, _ in string.Formatter().parse(text) if name}
            assert used <= groups
    assert re.search(r"[一-鿿]", entry.cause[1])
    assert re.match(r"https://github\.com/\S+/(?:issues|pull)/\d+$|own run: |\S", entry.source)
    # A search, but no backtracking into minutes over a long line of anything.
    assert entry.match("x" * 20_000 + " 12:34:56 ") is None
