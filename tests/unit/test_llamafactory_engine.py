"""Commands, checkpoints, explanations, chat and serving of the LLaMA-Factory module."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.base.errors import UsageError
from orchestrator.base.plan import Command
from orchestrator.causes.why import explain
from orchestrator.engines import llamafactory, registry
from orchestrator.engines.job import Job
from orchestrator.engines.llamafactory.checkpoints import newest_checkpoint
from orchestrator.engines.registry import engine_of
from orchestrator.planning import feasible
from orchestrator.planning.job import build
from orchestrator.planning.job import stages as stages_of
from orchestrator.planning.script import shell_line
from orchestrator.recipe.load import load


def job(name: str = "emollm-glm4-lora", *sets: str, rehearse: bool = False) -> Job:
    return build(load(name, sets=sets, environ={}), rehearse=rehearse, must_find_rows=False)


def command(of: Job, stage: str, resume_from: str | None = None) -> Command:
    plan = engine_of(of).plan(stage, replace(of, resume_from=resume_from))
    return plan.commands[0]


def test_the_stages_and_their_commands() -> None:
    assert stages_of(job())[4:] == ("train", "export")
    assert stages_of(job("emollm-glm4-lora", "export.merge=false"))[4:] == ("train",)
    assert command(job(), "train").argv == ("llamafactory-cli", "train", "train.yaml")
    assert command(job(), "export").argv == ("llamafactory-cli", "export", "export.yaml")
    assert command(job(), "train").env == {"USE_V1": "0"}


def test_a_resumed_training_names_its_checkpoint() -> None:
    argv = command(job(), "train", "adapter/checkpoint-7").argv
    assert argv[-1] == "resume_from_checkpoint=adapter/checkpoint-7"


@pytest.mark.parametrize(
    ("sets", "env", "defaults"),
    [
        (("train.deepspeed=zero2",), {}, {"FORCE_TORCHRUN": "1"}),
        (("train.gpus=4",), {"NPROC_PER_NODE": "4"}, {"FORCE_TORCHRUN": "1"}),
        (("train.gpus=1",), {"NPROC_PER_NODE": "1"}, {}),
    ],
)
def test_launching(sets: tuple[str, ...], env: dict[str, str], defaults: dict[str, str]) -> None:
    made = command(job("emollm-glm4-lora", *sets), "train")
    assert made.env == {"USE_V1": "0", **env}
    assert made.defaults == defaults
    # Nodes and their addresses are the user's own: nothing here may set them.
    assert not {"NNODES", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT"} & {*made.env, *made.defaults}


def test_a_rehearsal_sees_no_gpu() -> None:
    rehearsal = job(rehearse=True)
    for stage in ("check", "train", "export"):
        assert command(rehearsal, stage).env["CUDA_VISIBLE_DEVICES"] == ""
        assert command(rehearsal, stage).defaults["OMP_NUM_THREADS"] == "1"
        assert "OMP_NUM_THREADS" not in command(job(), stage).defaults


def checkpoint(folder: Path, number: int, *, without: str | None = None) -> Path:
    made = folder / f"checkpoint-{number}"
    made.mkdir(parents=True)
    (made / "trainer_state.json").write_text(json.dumps({"global_step": number}))
    for name in ("optimizer.pt", "scheduler.pt", "adapter_model.safetensors"):
        if name != without:
            (made / name).write_bytes(b"x")
    return made


def test_the_newest_whole_checkpoint(tmp_path: Path) -> None:
    assert llamafactory.newest_checkpoint(tmp_path) is None
    checkpoint(tmp_path / "adapter", 9)
    ten = checkpoint(tmp_path / "adapter", 10)  # a number, not a text: 10 is above 9
    checkpoint(tmp_path / "adapter", 11, without="optimizer.pt")
    cut = checkpoint(tmp_path / "adapter", 12)
    (cut / "trainer_state.json").write_text('{"global_st')
    (tmp_path / "adapter" / "checkpoint-best").mkdir()
    assert newest_checkpoint(tmp_path / "adapter") == ten
    assert llamafactory.newest_checkpoint(tmp_path) == ten


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("ValueError: Undefined dataset emo in dataset_info.json.", "no entry emo"),
        ("ValueError: Cannot open data/dataset_info.json due to Expecting", "is not JSON"),
        ("RuntimeError: Cannot find valid samples, check `data/README.md`", "no row was left"),
        (
            "ValueError: Some keys are not used by the HfArgumentParser: ['lerning_rate']",
            "does not know",
        ),
        ("TypeError: '<=' not supported between instances of 'float' and 'str'", "YAML 1.1"),
        ("JSON parse error: Column() changed from object to array in row 0", "different types"),
        ("KeyError: 'history'", "data.sources.N.fields: {instruction"),
        ("ValueError: Output directory already exists and is not empty. Please", "left files"),
        ("ValueError: Cannot merge adapters to a quantized model.", "quantization_bit"),
        ("ValueError: Please use `FORCE_TORCHRUN=1` to launch DeepSpeed training.", "launcher"),
        ("ValueError: Template glm5 does not exist.", "glm5"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried", "memory is full"),
        ("_pad() got an unexpected keyword argument 'padding_side'", "4.45"),
    ],
)
def test_known_failures_are_explained(log: str, words: str) -> None:
    found = explain(f"a line before\n{log}\n", registry.causes(log, llamafactory))
    assert found is not None
    assert words in f"{found.cause} {found.fix}"


def test_an_unknown_command_is_a_crash_although_it_ends_with_0() -> None:
    assert llamafactory.crashed("Unknown command: trian.\n----")
    assert not llamafactory.crashed("***** train metrics *****")


def line(of: Job, what: str, **options: object) -> str:
    make = llamafactory.chat if what == "chat" else llamafactory.serve
    return shell_line(make(of, {"model": "./merged", **options}))


def test_chat_and_its_page() -> None:
    assert line(job(), "chat") == "USE_V1=0 llamafactory-cli chat chat.yaml"
    page = line(job(), "chat", web=True)
    assert "GRADIO_SERVER_NAME=127.0.0.1" in page
    assert page.endswith("llamafactory-cli webchat chat.yaml")
    opened = line(job(), "chat", web=True, host="0.0.0.0", port=9)
    assert "GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=9" in opened


def test_chat_options_stay_data() -> None:
    made = llamafactory.chat(job(), {"system": "a=1 ${oc.env:HOME}\n", "top_p": 0.5, "bits": "4"})
    assert made.argv[3:] == (
        "top_p=0.5",
        'default_system="a=1 \\\\${oc.env:HOME}\\n"',
        "quantization_bit=4",
    )


def test_base_and_adapter_replace_the_merged_model() -> None:
    made = line(job(), "chat", model="./glm", adapter="./adapter")
    assert "model_name_or_path=./glm adapter_name_or_path=./adapter" in made


def test_serving_is_local_and_names_no_key() -> None:
    made = line(job(), "serve", port=8000)
    assert "API_HOST=127.0.0.1 API_PORT=8000 API_MODEL_NAME=emollm-glm4-lora" in made
    assert "API_KEY" not in made


def test_what_this_chat_cannot_do_is_refused() -> None:
    with pytest.raises(UsageError, match="--lagent"):
        line(job(), "chat", lagent=True)
    with pytest.raises(UsageError, match="reward model"):
        line(job("emollm-glm4-lora", "train.stage=rm"), "chat")


def test_a_rehearsal_leaves_options_out_that_need_a_gpu() -> None:
    sets = "engine_options={preprocessing_num_workers: 16, bf16: true, dataloader_drop_last: true}"
    made = job("emollm-glm4-lora", sets, rehearse=True)
    options = made.recipe.engine_options
    assert "bf16" not in options
    assert (options["preprocessing_num_workers"], options["dataloader_drop_last"]) == (1, True)
    said = "\n".join(made.changes)
    assert "engine_options.bf16: True -> left out" in said
    assert "engine_options.preprocessing_num_workers: 16 -> 1" in said


def test_options_cannot_make_a_rehearsal_long() -> None:
    long = "engine_options={num_train_epochs: 100, max_steps: 9999, cutoff_len: 8192}"
    options = job("emollm-glm4-lora", long, rehearse=True).recipe.engine_options
    assert options["num_train_epochs"] == 1.0
    assert options["max_steps"] == 16
    assert options["cutoff_len"] == 512
    tracked = job("emollm-glm4-lora", "train.report_to=[wandb]", rehearse=True)
    assert tracked.recipe.train.report_to == []


def test_missing_sources_are_named_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = load("emollm-glm4-lora", environ={})
    paths = [str(source.path) for source in loaded.recipe.data.sources]
    assert len(paths) == 13
    with pytest.raises(UsageError) as caught:
        build(loaded)
    text = str(caught.value)
    assert all(text.count(path) >= 2 for path in paths)  # what is missing, and where to get it
    (tmp_path / "aiwei.json").write_text("[]")
    made = build(loaded, only_available=True)
    assert [found.name for found in made.sources] == ["aiwei.json"]
    assert "scientist.json" in "\n".join(made.notes)
    assert made.unchecked is None  # this recipe expects no figures
    (tmp_path / "aiwei.json").unlink()
    with pytest.raises(UsageError, match="are not there"):
        build(loaded, only_available=True)


def test_a_job_of_another_engine_says_what_it_cannot_do() -> None:
    made = job(
        "medqa-qlora",
        "engine=llamafactory@0.9.5",
        "model.template=internlm2_chat",
        "evaluate.prompts=[a]",
    )
    said = "\n".join(made.notes)
    assert "internlm2_chat is called intern2 here" in said
    assert "evaluate.prompts" in said


def test_hardware_decides_precision_only_when_it_is_known() -> None:
    assert replace(job(), bf16=False).bf16 is False


@pytest.mark.parametrize(
    ("key", "value"), [("template_file", "mine.jinja"), ("trust_code", "[my_hooks]")]
)
def test_what_only_a_config_of_code_can_use_is_refused(key: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"{key}: this engine"):
        feasible.load("medqa-lora-llamafactory", sets=[f"{key}={value}"], environ={})
