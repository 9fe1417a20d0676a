"""Rendered configs, loaded with mmengine, against XTuner's own, key by key."""

from __future__ import annotations

import json

import pytest

from orchestrator.base.errors import UsageError
from orchestrator.engines import registry
from orchestrator.envs.install import ensure
from tests.support.engine_runs import REPOSITORY, in_engine
from tests.support.xtuner_cases import CASES, HOSTILE, config_of

Keys = dict[str, str]
VERSIONS = ("0.2.0", "0.1.9")
REFERENCE, FULL = "internlm_chat_7b_qlora_oasst1_e3", "internlm_7b_full_oasst1_e3"
#: What each release's templates were copied from.
MODERN, OLD_PRETRAIN = "internlm2_chat_7b_qlora_oasst1_e3", "mistral_7b_qlora_skypile_pretrain_e1"
THREE = "internlm_7b_qlora_alpaca_enzh_oasst1_e3"
PRETRAINING = {
    "0.2.0": (
        "train.stage=pt",
        "train.method=full",
        "train.learning_rate=2e-5",
        "train.epochs=1",
        f"data.sources=[{{path: {REPOSITORY}/recipes/data/oasst1-sample.jsonl}}]",
        "data.shuffle=false",
    ),
    "0.1.9": (
        "train.stage=pt",
        "train.epochs=1",
        "data.sources=[{dataset: Skywork/SkyPile-150B}]",
        "engine_options={tokenizer.type: transformers.LlamaTokenizer.from_pretrained, "
        "model.llm.type: transformers.MistralForCausalLM.from_pretrained}",
    ),
}
DEFAULT_TEMPLATE = {"0.2.0": "default", "0.1.9": "internlm_chat"}
THREE_SETS = (
    "data.sources=[{dataset: tatsu-lab/alpaca, map_fn: alpaca_map_fn}, "
    "{dataset: silk-road/alpaca-data-gpt4-chinese, map_fn: alpaca_zh_map_fn}, "
    "{dataset: timdettmers/openassistant-guanaco, map_fn: oasst1_map_fn}]",
    "engine_options.SYSTEM={$ref: xtuner.utils.SYSTEM_TEMPLATE.alpaca}",
)
#: A system text with everything that a template could take for its own.
HOSTILE_SETS = (
    f"evaluate.system={HOSTILE}",
    f"evaluate.prompts={json.dumps([HOSTILE])}",
    f"title={HOSTILE}",
    f"source={HOSTILE}",
    f"engine_options={json.dumps({'mine': {HOSTILE: HOSTILE}})}",
)


def texts(version: str) -> dict[str, str]:
    """Every config that is looked at, by name; all are loaded in one start of the engine."""
    found = {
        "medqa": config_of("medqa-qlora", version=version),
        "oasst1": config_of("oasst1-qlora", version=version),
        "full": config_of(
            "oasst1-qlora", "train.method=full", "train.learning_rate=2e-5", version=version
        ),
        "hostile": config_of("medqa-qlora", *HOSTILE_SETS, version=version),
        "no warm-up": config_of("medqa-qlora", "train.warmup_ratio=0", version=version),
        "pretrain": config_of("oasst1-qlora", *PRETRAINING[version], version=version),
        "three data sets": config_of(
            "oasst1-qlora",
            f"model.template={DEFAULT_TEMPLATE[version]}",
            *THREE_SETS,
            version=version,
        ),
    }
    for name, (sets, _) in CASES.items():
        found[name] = config_of("medqa-qlora", *sets, version=version)
    return found


def references(version: str) -> dict[str, str]:
    """Our name of one of XTuner's own configs -> its name there."""
    new = version == "0.2.0"
    return {
        REFERENCE: REFERENCE,
        FULL: FULL,
        "own pretrain": "internlm2_7b_full_custom_pretrain_e1" if new else OLD_PRETRAIN,
        "own three data sets": THREE,
        **({MODERN: MODERN} if new else {}),
    }


@pytest.fixture(scope="session", params=VERSIONS)
def loaded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Keys]:
    """name -> dotted key -> repr of the value, as mmengine gives it; XTuner's own beside ours."""
    environment = ensure(registry.release(f"xtuner@{request.param}"))
    folder = tmp_path_factory.mktemp("configs")
    words = [f"{name}=ref:{own}" for name, own in references(request.param).items()]
    for number, (name, text) in enumerate(texts(request.param).items()):
        path = folder / f"config_{number}.py"
        path.write_text(text, encoding="utf-8")
        words.append(f"{name}={path}")
    script = str(REPOSITORY / "tests" / "support" / "load_configs.py")
    done = in_engine(environment, script, str(folder / "report.json"), *words, cwd=folder)
    assert done.code == 0, done.output
    found: dict[str, Keys] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert {name: keys["error"] for name, keys in found.items() if "error" in keys} == {}
    return found


#: Variables that only help to write a config: what uses them is compared.
HELPERS = {
    "sampler": "the sampler's choice is a variable in the templates of 0.2.0",
    "sequence_parallel_size": "1, which is what a config without it means",
}


_MODEL = "the tutorial's local model path, linked into the run under this name"
_ROWS = "the tutorial's own rows instead of the hub's data set"
_ASKED = "the recipe asks about medicines, XTuner's own config about Shanghai"
_PROMPTS = (
    "['Can I take ibuprofen while I am on warfarin?', 'What are the side effects of metformin?']",
    "['请给我介绍五个上海的景点', 'Please tell me five scenic spots in Shanghai']",
    _ASKED,
)
_NO_MAP = "the rows are conversations already: the tutorial sets dataset_map_fn=None"
#: key -> (our value, XTuner's own, why it differs). None: absent.
INTENDED: dict[str, tuple[str | None, str | None, str]] = {
    "evaluation_inputs": _PROMPTS,
    "custom_hooks.1.evaluation_inputs": _PROMPTS,
    "data_path": ("'data/train.jsonl'", "'timdettmers/openassistant-guanaco'", _ROWS),
    **{
        f"{place}pretrained_model_name_or_path": (
            "'./internlm-chat-7b'",
            "'internlm/internlm-chat-7b'",
            _MODEL,
        )
        for place in (
            "",
            "tokenizer.",
            "model.llm.",
            "train_dataset.tokenizer.",
            "train_dataloader.dataset.tokenizer.",
            "custom_hooks.0.tokenizer.",
            "custom_hooks.1.tokenizer.",
        )
    },
    **{
        f"{place}{key}": difference
        for place in ("train_dataset.", "train_dataloader.dataset.")
        for key, difference in {
            "dataset.path": ("'json'", "'timdettmers/openassistant-guanaco'", _ROWS),
            "dataset.data_files.train": ("'data/train.jsonl'", None, _ROWS),
            "dataset_map_fn": ("None", "oasst1_map_fn", _NO_MAP),
        }.items()
    },
}


def differences(ours: Keys, theirs: Keys) -> dict[str, tuple[str | None, str | None]]:
    keys = sorted((ours.keys() | theirs.keys()) - HELPERS.keys())
    return {k: (ours.get(k), theirs.get(k)) for k in keys if ours.get(k) != theirs.get(k)}


def test_medqa_is_xtuners_own_config_with_the_tutorials_edits(loaded: dict[str, Keys]) -> None:
    theirs = loaded[REFERENCE]
    found = differences(loaded["medqa"], theirs)
    assert found == {key: (ours, own) for key, (ours, own, _) in INTENDED.items()}
    assert len(theirs) > 100  # a comparison of next to nothing would prove nothing


def test_oasst1_differs_in_the_models_path_alone(loaded: dict[str, Keys]) -> None:
    found = differences(loaded["oasst1"], loaded[REFERENCE])
    assert {key.rpartition(".")[2] for key in found} == {"pretrained_model_name_or_path"}
    assert set(found) == {key for key in INTENDED if key.endswith("_name_or_path")}


def test_full_fine_tuning_is_xtuners_own_full_config(loaded: dict[str, Keys]) -> None:
    found = differences(loaded["full"], loaded[FULL])
    assert {key.rpartition(".")[2] for key in found} == {"pretrained_model_name_or_path"}


def test_pre_training_is_xtuners_own_config_of_custom_rows(loaded: dict[str, Keys]) -> None:
    found = differences(loaded["pretrain"], loaded["own pretrain"])
    rows = ("data_path", "data_files", "data_files.train")
    model = ("pretrained_model_name_or_path", "quantization_config.type")
    assert all(key.endswith((*rows, *model)) for key in found), found


def test_several_data_sets_are_xtuners_own_enzh_oasst1_config(loaded: dict[str, Keys]) -> None:
    ours, theirs = (
        {plain(key): value for key, value in loaded[name].items() if is_read(key)}
        for name in ("three data sets", "own three data sets")
    )
    found = differences(ours, theirs)
    assert {key.rpartition(".")[2] for key in found} == {"pretrained_model_name_or_path"}
    mapped = [value for key, value in ours.items() if key.endswith(".dataset_map_fn")]
    assert mapped == ["alpaca_map_fn", "alpaca_zh_map_fn", "oasst1_map_fn"] * 2
    assert sum(key.startswith("train_dataset.datasets") for key in theirs) > 30


def plain(key: str) -> str:
    """0.1.9 names each data set of a list: the names are the writer's own."""
    names = {"alpaca_en": "0", "alpaca_data": "0", "alpaca_zh": "1", "oasst1": "2"}
    names |= {"alpaca_data_gpt4_chinese_data": "1", "openassistant_guanaco_data": "2"}
    return ".".join(names.get(part, part) for part in key.split("."))


def is_read(key: str) -> bool:
    """Whether XTuner reads it: a data set's own variable is read where it is used."""
    return not key.split(".")[0].startswith(("alpaca", "oasst1", "openassistant"))


def test_the_text_is_xtuners_own_file() -> None:
    """Not only the values: section headings, comments, switches and spelling are XTuner's."""
    release = registry.release("xtuner@0.2.0")
    (own,) = ensure(release).root.glob(f"lib/*/site-packages/xtuner/configs/**/{MODERN}.py")
    ours = config_of("oasst1-qlora", "model.template=internlm2_chat", version="0.2.0").splitlines()
    theirs = own.read_text(encoding="utf-8").splitlines()
    begin = ours.index("import torch")
    assert theirs.index("import torch") == 1
    differing = [
        (our, their) for our, their in zip(ours[begin:], theirs[1:], strict=True) if our != their
    ]
    assert differing == [
        (
            'pretrained_model_name_or_path = "./internlm-chat-7b"',
            'pretrained_model_name_or_path = "internlm/internlm2-chat-7b"',
        )
    ]


@pytest.mark.parametrize("name", CASES)
def test_what_a_recipe_asks_for_is_what_mmengine_reads(loaded: dict[str, Keys], name: str) -> None:
    keys = loaded[name]
    wanted = CASES[name][1]
    assert {key: keys.get(key) for key in wanted} == dict(wanted)


def test_without_a_warm_up(loaded: dict[str, Keys]) -> None:
    keys = loaded["no warm-up"]
    assert "warmup_ratio" not in keys
    types = {key: value for key, value in keys.items() if key.startswith("param_scheduler")}
    assert not any("LinearLR" in value for value in types.values())
    assert any("CosineAnnealingLR" in value for value in types.values())


def test_hostile_text_is_data(loaded: dict[str, Keys]) -> None:
    keys = loaded["hostile"]
    doubled = HOSTILE.replace("{", "{{").replace("}", "}}")
    assert keys["custom_hooks.1.system"] == repr(doubled)
    assert keys["custom_hooks.1.evaluation_inputs"] == repr([HOSTILE])
    assert keys[f"mine.{HOSTILE}"] == repr(HOSTILE)
    same = {key for key in keys if keys[key] == loaded["medqa"].get(key)}
    assert set(keys) - same <= {
        "SYSTEM",
        "evaluation_inputs",
        "custom_hooks.1.system",
        "custom_hooks.1.evaluation_inputs",
        f"mine.{HOSTILE}",
    }


def test_what_an_old_release_lacks_is_refused() -> None:
    with pytest.raises(UsageError, match=r"train\.lora\.dora: .*\(XTuner 0\.1\.9\)"):
        config_of("medqa-qlora", "train.lora.dora=true", version="0.1.9")
