"""The schema: pydantic itself and the fast validator agree, and the JSON Schema is true."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from orchestrator.recipe import keys
from orchestrator.recipe.find import recipe_files
from orchestrator.recipe.layers import stripped
from orchestrator.recipe.load import load
from orchestrator.recipe.schema import Recipe, Source, json_schema
from orchestrator.recipe.yaml_tree import parse

MINIMAL: dict[str, Any] = {
    "title": "t",
    "engine": "xtuner@0.2.0",
    "model": {"id": "m", "template": "t"},
    "data": {"sources": [{"path": "p"}]},
}
PYDANTIC = TypeAdapter(Recipe)

#: Values that sit on both sides of every rule in the schema.
probes = st.sampled_from(
    [None, True, False, 0, 1, -1, 2, 4, 3.5, 0.5, 1.0, -0.5, 1.5, "", "a", "7", "5%", "2GB", "auto",
     "qlora", "zero2", "sft", "nf4", "xtuner@0.2.0", "f" * 64, [], ["a"], [1], {}, {"a": "b"},
     {"a": 1}, {"name": "x"}, {"input": "A", "output": "B"}, [{"path": "x"}], [{"dataset": "d"}],
     [{}], {"rank": 2}, {"bits": 8}]
)  # fmt: skip
dotted = st.sampled_from([key for key in keys.all_keys() if key != "data.sources.0"])


def placed(key: str, value: Any) -> dict[str, Any]:
    """The minimal recipe with one value laid into it."""
    made = json.loads(json.dumps(MINIMAL))
    *above, last = key.split(".")
    inner: Any = made
    for part in above:
        inner = inner[int(part)] if isinstance(inner, list) else inner.setdefault(part, {})
    inner[last] = value
    return dict(made)


def verdict(validate: Any, data: Any) -> Recipe | None:
    try:
        made = validate(data)
    except ValidationError:
        return None
    assert isinstance(made, Recipe)
    return made


@given(dotted, probes)
def test_pydantic_itself_gives_the_same_answer(key: str, value: Any) -> None:
    data = placed(key, value)
    fast = verdict(Recipe.model_validate, data)
    slow = verdict(lambda it: PYDANTIC.validate_json(json.dumps(it), strict=True), data)
    assert fast == slow


@given(dotted, probes)
def test_no_fault_of_the_schema_escapes_the_plain_words(key: str, value: Any) -> None:
    """Whatever the validator refuses is told by key, without a word of its own jargon."""
    from orchestrator.recipe.check import check

    faults: list[Any] = []
    node = parse(json.dumps(placed(key, value)), "r", faults)
    assert node is not None
    recipe = check(node, faults)
    assert (recipe is None) == bool(faults)
    for fault in faults:
        assert fault.key
        assert not any(word in str(fault) for word in ("Input should", "type=", "keyword", "dict"))


def test_a_recipe_cannot_be_changed() -> None:
    recipe = Recipe.model_validate(MINIMAL)
    with pytest.raises(FrozenInstanceError):
        recipe.title = "other"  # type: ignore[misc]


def test_a_copy_differs_where_it_was_told_to() -> None:
    recipe = Recipe.model_validate(MINIMAL)
    train = recipe.train.model_copy(update={"epochs": 2})
    copy = recipe.model_copy(update={"train": train})
    assert (copy.train.epochs, recipe.train.epochs) == (2, None)
    assert copy.model is recipe.model


def test_a_rule_holds_however_a_value_is_made() -> None:
    source = Recipe.model_validate(MINIMAL).data.sources[0]
    with pytest.raises(ValueError, match="exactly one of path, dataset, self_cognition"):
        source.model_copy(update={"dataset": "d"})


def test_dump_leaves_out_what_it_is_told_to() -> None:
    model = Recipe.model_validate(MINIMAL).model
    assert model.model_dump(exclude_none=True, exclude={"hub"}) == {"id": "m", "template": "t"}


def test_whole_numbers_stay_whole() -> None:
    train = Recipe.model_validate(
        {**MINIMAL, "train": {"epochs": 3, "lora": {"alpha": 32.0}}}
    ).train
    assert (repr(train.epochs), repr(train.lora.alpha)) == ("3", "32")


def test_json_schema_takes_every_shipped_recipe_and_names_every_key() -> None:
    schema = json_schema()
    assert schema["$schema"].endswith("2020-12/schema")
    names = {one.name for one in fields(Recipe)}
    assert set(schema["properties"]) == {"extends", *names}
    assert schema["additionalProperties"] is False
    assert {"required": ["extends"]} in schema["anyOf"]


def _classes(kind: Any) -> list[Any]:
    cls = keys.value_class(kind)
    inner = [one for part in keys.members(kind) for one in getattr(part, "__args__", ())]
    nested = [field.type for field in keys.known_fields(kind)] + inner
    return [*([cls] if cls else []), *(c for one in nested for c in _classes(one))]


@pytest.mark.parametrize("cls", dict.fromkeys(_classes(Recipe)), ids=lambda cls: cls.__name__)
def test_every_field_is_described_and_can_be_reset(cls: Any) -> None:
    for field in fields(cls):
        assert field.metadata["description"]
        # `null` puts a key back to its default: so None itself must be the default where it fits.
        assert field.default is None or type(None) not in getattr(field.type, "__args__", ())
        assert not (isinstance(field.default, float) and field.default.is_integer())
        assert "examples" in field.metadata or "pattern" not in field.metadata


@pytest.mark.parametrize("name", recipe_files())
def test_a_shipped_recipe_is_what_pydantic_says_it_is(name: str) -> None:
    recipe = load(name, environ={}, complete=False).recipe
    assert PYDANTIC.validate_python(recipe.model_dump()) == recipe


def test_null_resets_a_key_but_is_a_value_of_the_engine() -> None:
    node = parse("train: {epochs: null}\nengine_options: {a: null}\nnope: null\n", "r", [])
    assert node is not None
    assert stripped(node) == {"train": {}, "engine_options": {"a": None}, "nope": None}


@pytest.mark.parametrize(
    ("key", "value"),
    [("subset", "en"), ("split", "en"), ("fields", {"a": "b"}), ("tags", {"role": "who"})],
)
def test_a_word_of_a_hub_needs_a_hub_data_set(key: str, value: Any) -> None:
    assert getattr(Source.model_validate({"dataset": "org/rows", key: value}), key) == value
    with pytest.raises(ValueError, match=f"{key}: is about a hub"):
        Source.model_validate({"path": "rows.json", key: value})
    with pytest.raises(ValueError, match=r"too_short|at least 1 character|dict_type"):
        Source.model_validate({"dataset": "org/rows", key: ""})


@pytest.mark.parametrize("name", ["HF_TOKEN", "WANDB_API_KEY", "MODELSCOPE_API_TOKEN", "a b", ""])
def test_a_secret_or_no_name_is_no_variable_of_a_recipe(name: str) -> None:
    made = Recipe.model_validate({**MINIMAL, "env": {"OMP_NUM_THREADS": "2"}})
    assert made.env == {"OMP_NUM_THREADS": "2"}
    with pytest.raises(ValueError, match="env"):
        Recipe.model_validate({**MINIMAL, "env": {name: "x"}})


def test_no_checkpoint_before_the_end_is_minus_one() -> None:
    assert Recipe.model_validate({**MINIMAL, "train": {"save_steps": -1}}).train.save_steps == -1
    for wrong in (0, -2):
        with pytest.raises(ValueError, match=r"save_steps"):
            Recipe.model_validate({**MINIMAL, "train": {"save_steps": wrong}})
