"""Prompt templates by any engine's word; what an engine lacks is known before anything runs."""

from __future__ import annotations

import pytest

from orchestrator.engines import registry
from orchestrator.engines.llamafactory import template_names as llamafactory
from orchestrator.engines.templates import TemplateTable
from orchestrator.engines.xtuner import template_names as xtuner
from orchestrator.planning import feasible
from orchestrator.recipe.faults import RecipeFaults

NEWEST = (xtuner.table("0.2.0"), llamafactory.table("0.9.5"))


@pytest.mark.parametrize("table", NEWEST, ids=lambda table: table.engine)
def test_aliases_lead_to_names_and_nothing_is_said_twice(table: TemplateTable) -> None:
    assert set(table.aliases.values()) <= table.known
    assert not set(table.aliases) & table.known
    assert not set(table.instead) & (table.known | set(table.aliases))


@pytest.mark.parametrize("table", NEWEST, ids=lambda table: table.engine)
def test_every_name_is_its_own(table: TemplateTable) -> None:
    assert all(table.own(word) == word for word in table.known)
    assert all(table.objection(word) is None for word in (*table.known, *table.aliases))


CASES = [
    ("emollm-glm4-lora", "model.template=glm5", "model.template", "glm4"),
    ("emollm-glm4-lora", "engine_options={template: glm5}", "engine_options.template", "glm4"),
    ("emollm-glm4-lora", "model.template=quen", "model.template", "qwen"),
    ("medqa-qlora", "model.template=internlm3_chat", "model.template", "internlm_chat"),
    ("medqa-qlora-0.1.9", "model.template=llama3_chat", "model.template", "llama2_chat"),
]


@pytest.mark.parametrize(("name", "setting", "key", "meant"), CASES)
def test_a_template_that_is_nowhere_is_a_fault_of_the_recipe(
    name: str, setting: str, key: str, meant: str
) -> None:
    with pytest.raises(RecipeFaults) as caught:
        feasible.load(name, sets=[setting], environ={})
    (fault,) = caught.value.faults
    assert (fault.key, fault.meant) == (key, meant)


def test_a_template_that_an_engine_lacks_says_what_to_do() -> None:
    with pytest.raises(RecipeFaults, match="internlm2_chat") as caught:
        feasible.load("medqa-qlora", engine="llamafactory@0.9.5", environ={})
    assert "model.template" in {fault.key for fault in caught.value.faults}


def test_every_word_that_a_shipped_table_knows_is_answered_everywhere() -> None:
    """No word of one engine is a plain typing mistake to the other: it has a name or advice."""
    words = {word for table in NEWEST for word in table.aliases}
    for table in NEWEST:
        for word in words:
            assert table.own(word) in table.known or word in table.instead, (table.engine, word)
    # A script from a checkout has no templates to choose from: its model's code writes the marks.
    packages = {release.engine for release in registry.all_releases() if not release.checkouts}
    assert packages == {table.engine.partition("@")[0] for table in NEWEST}
