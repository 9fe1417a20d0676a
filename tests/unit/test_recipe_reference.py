"""The reference page is what the schema says."""

from __future__ import annotations

from orchestrator.recipe import keys, reference


def test_the_page_is_current() -> None:
    how = "run: python -m orchestrator.recipe.reference"
    assert reference.PAGE.read_text(encoding="utf-8") == reference.text(), how


def test_every_key_is_on_it() -> None:
    page = reference.text()
    missing = [key for key in keys.all_keys() if f"| `{key}` |" not in page]
    assert missing == []
