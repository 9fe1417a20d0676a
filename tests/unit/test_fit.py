"""`recipe fit`: shapes, unknowns, the smallest change, the recipes' own figures, and the page."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base.errors import UsageError
from orchestrator.fit import measured
from orchestrator.fit.cards import card
from orchestrator.fit.families import FAMILIES
from orchestrator.fit.formulas import Training, train_needs
from orchestrator.fit.measured import Measured
from orchestrator.fit.models import shipped_config
from orchestrator.fit.shape import Unknown, shape_of
from orchestrator.planning.feasible import load
from orchestrator.preflight import memory_page
from orchestrator.preflight.advice import smallest_change
from orchestrator.preflight.answer import answer
from orchestrator.preflight.fitting import fit, setup_of
from orchestrator.recipe.dump import one_line
from orchestrator.recipe.find import recipe_files
from tests.support.engine_runs import REPOSITORY

GIB = 2**30
RECIPES = sorted(path.stem for path in (REPOSITORY / "recipes").glob("*.yaml"))
LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "vocab_size": 32000,
}


def folder(tmp_path: Path, **values: Any) -> str:
    """A model's folder that holds a config.json and nothing else."""
    (tmp_path / "config.json").write_text(json.dumps({**LLAMA, **values}), encoding="utf-8")
    return str(tmp_path)


def shipped(name: str) -> Any:
    found = shipped_config(name)
    assert found is not None
    return shape_of(found[0])


def test_weights_are_counted_as_they_were_published() -> None:
    """Biases are left out: InternLM2.5-7B and Llama 2 have none, and are exact."""
    assert shape_of(LLAMA).weights == 6_738_415_616
    assert shipped("internlm/internlm2_5-7b-chat").weights == 7_737_708_544
    assert shipped("internlm/internlm2_5-7b-chat").embeddings == 758_120_448
    assert shipped("Qwen/Qwen2.5-7B-Instruct").weights == pytest.approx(7_615_616_512, rel=1e-4)
    assert shipped("THUDM/chatglm3-6b").weights == pytest.approx(6_243_584_000, rel=1e-4)


def test_an_adapter_is_as_large_as_peft_says() -> None:
    """print_trainable_parameters() of Llama-2-7B: r 8 on every linear layer, and on q and v."""
    assert shape_of(LLAMA).adapter(8) == 19_988_480
    assert shape_of(LLAMA).adapter(8, ("q_proj", "v_proj")) == 4_194_304


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"model_type": "mamba"}, "mamba"),
        ({"model_type": None}, "family"),
        ({"vision_config": {"hidden_size": 1}}, "sees"),
        ({"num_local_experts": 8}, "experts"),
        ({"hidden_size": "4096"}, "hidden_size"),
        ({"num_hidden_layers": 0}, "num_hidden_layers"),
        ({"vocab_size": True}, "vocab_size"),
    ],
)
def test_what_is_not_known_is_said_with_its_reason(
    values: dict[str, Any], word: str, tmp_path: Path
) -> None:
    with pytest.raises(Unknown, match=word):
        shape_of({**LLAMA, **values})
    found = answer("medqa-qlora", sets=[f"model.path={folder(tmp_path, **values)}"])
    assert word in found.fit.unknown
    assert found.as_json()["gpu_bytes"] is None


@pytest.mark.parametrize(
    "more",
    [{"checkpointing": False}, {"optimizer": "adagrad_of_ones_own"}],
)
def test_a_training_that_no_formula_covers_is_unknown(more: dict[str, Any]) -> None:
    need = train_needs(shape_of(LLAMA), Training(method="lora", length=512, batch=1, **more))
    assert need.gpu.total is None
    assert need.gpu.unknown


@pytest.mark.parametrize(
    ("recipe", "setting"),
    [
        ("medqa-qlora", "train.gradient_checkpointing=false"),
        ("chatglm3-lora", "train.gradient_checkpointing=false"),
        ("medqa-qlora", "engine_options={model.llm.torch_dtype: {$ref: torch.float32}}"),
        ("chatglm3-lora", "engine_options.use_unsloth=true"),
        ("chatglm3-lora", "engine_options.use_galore=true"),
    ],
)
def test_the_engines_say_what_they_do_not_know(recipe: str, setting: str) -> None:
    found = answer(recipe, sets=[setting], gpu="24GB")
    train = found.as_json()["stages"][0]
    assert train["gpu"]["bytes"] is None
    assert train["gpu"]["unknown"]
    assert found.fits is None
    assert found.settings is None


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ("train.batch_size=8", "train.batch_size=4"),
        ("train.max_length=1024", "train.max_length=512"),
        ("train.method=full", "train.method=lora"),
        ("train.method=lora", "train.method=qlora"),
        ("train.lora.rank=64", "train.lora.rank=8"),
        ("train.flash_attention=disabled", "train.flash_attention=sdpa"),
        ("engine_options.cutoff_len=4096", "train.max_length=512"),
        ("train.precision=fp32", "train.precision=bf16"),
    ],
)
def test_what_takes_more_is_estimated_higher(more: str, less: str) -> None:
    high, low = (
        answer("medqa-lora-llamafactory", sets=[one]).fit.stages[0].gpu for one in (more, less)
    )
    assert high is not None
    assert low is not None
    assert high > low


@pytest.mark.parametrize(
    ("typed", "gib"),
    [("3090", 24), ("RTX 3090", 24), ("24GB", 24), ("24", 24), ("A100-80G", 80), ("a100 80gb", 80)],
)
def test_a_card_is_named_as_people_type_it(typed: str, gib: int) -> None:
    assert card(typed).bytes == gib * GIB


@pytest.mark.parametrize("typed", ["309", "banana", "", "0GB", "-8GB"])
def test_an_unknown_card_is_refused_with_the_known_ones(typed: str) -> None:
    if typed == "309":
        assert card(typed).bytes == 309 * GIB
        return
    with pytest.raises(UsageError) as error:
        card(typed)
    assert "24GB" in (error.value.fix or "")


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("typed", ["8GB", "10GB", "16GB", "24GB"])
def test_the_change_that_is_offered_can_be_typed_and_fits(name: str, typed: str) -> None:
    recipe = load(name, complete=False).recipe
    found = fit(recipe)
    if found.shape is None or found.gpu is None:
        pytest.skip("this recipe's engine or model is not estimated")
    change = smallest_change(recipe, found.shape, card(typed), found.gpus)
    if change is None:
        assert found.gpu > card(typed).bytes
        return
    sets = [f"{key}={one_line(value)}" for key, value in change.items()]
    again = fit(load(name, sets=sets, complete=False).recipe, gpus=found.gpus)
    assert again.gpu is not None
    assert again.gpu <= card(typed).bytes
    assert (change == {}) == (found.gpu <= card(typed).bytes)


def test_the_gentlest_change_comes_first(tmp_path: Path) -> None:
    """A batch of 8 that is too large is halved, with twice the steps added up: nothing else."""
    place = f"model.path={folder(tmp_path)}"
    sets = [place, "train.batch_size=8", "train.accumulate=2", "train.max_length=1024"]
    found = answer("medqa-lora-llamafactory", sets=sets, gpu="20GB")
    assert found.settings == ("train.batch_size=4", "train.accumulate=4")


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_says_what_fit_says(name: str) -> None:
    """`needs.gpu_gb` is the smallest card, times the GPUs; the header has the figure itself."""
    loaded = load(name, complete=False)
    found = fit(loaded.recipe, remember=False)
    if found.gpu is None or found.smallest is None:
        pytest.skip("this recipe's engine or model is not estimated")
    assert loaded.recipe.needs.gpu_gb == found.smallest.bytes // GIB * found.gpus
    header = recipe_files()[name].read_text(encoding="utf-8").split("\n\n")[0]
    said = re.search(r"with (\d+) GB( each)? \(recipe fit: ([\d.]+) GiB", header)
    if said is None:
        assert "recipe fit:" not in header
        return
    assert float(said[3]) == round(found.gpu / GIB, 1)
    assert int(said[1]) == found.smallest.bytes // GIB


@pytest.mark.parametrize("page", memory_page.PAGES, ids=lambda page: page.stem)
def test_the_page_is_current(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    current = memory_page.text(text, chinese=page.stem.endswith("CN"))
    assert current == text, "run: python -m orchestrator.preflight.memory_page"


def test_a_measured_peak_is_used_by_the_next_estimate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECIPE_CACHE", str(tmp_path))
    recipe = load("medqa-qlora").recipe
    found = fit(recipe)
    assert found.shape is not None
    peak = Measured(bytes=11 * GIB, gpu="RTX 3090", gpus=1, when="2026-01-03T10:15:02")
    measured.note(setup_of(recipe, found.shape, 1), "train", peak)
    again = {one.stage: one for one in fit(recipe).stages}
    assert again["train"].gpu == 11 * GIB
    assert again["merge"].measured is None
    rate = load("medqa-qlora", sets=["train.learning_rate=1.0e-4"]).recipe
    assert fit(rate).stages[0].gpu == 11 * GIB
    longer = load("medqa-qlora", sets=["train.max_length=1024"]).recipe
    assert fit(longer).stages[0].measured is None


def test_the_command_needs_no_torch_and_says_its_unit(tmp_path: Path) -> None:
    code = (
        "import sys; from orchestrator.cli import cli; "
        "cli.main(['fit', 'medqa-qlora', '--gpu', '8GB'], standalone_mode=False); "
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert "2^30 bytes" in done.stdout
    assert "It does not fit" in done.stdout


_KEYS = ("model_type", *LLAMA, "num_key_value_heads", "head_dim", "vision_config", "num_experts")
_JSON = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 10**6), st.text(max_size=5), st.just([]), st.just({})
)


@given(st.dictionaries(st.sampled_from(_KEYS), _JSON), st.sampled_from(sorted(FAMILIES)))
def test_any_config_is_a_shape_or_unknown_with_a_reason(
    values: dict[str, Any], family: str
) -> None:
    reason, shape = "", None
    try:
        shape = shape_of({**LLAMA, "model_type": family, **values})
    except Unknown as why:
        reason = str(why)
    if shape is None:
        assert reason
        return
    assert shape.weights > 0
    need = train_needs(shape, Training(method="qlora", length=64, batch=1))
    assert need.gpu.total is not None
    assert need.gpu.total > 0
