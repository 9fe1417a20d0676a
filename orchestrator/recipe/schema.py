"""A recipe as a frozen, typed value. Nothing below the loader parses YAML.

Every field's description is user documentation: docs/recipe-reference.md and the exported JSON
Schema are generated from here. A field that is ``None`` means "the engine's own default": the
value in the engine's reference config, which the engine module knows and records.
"""

# No `from __future__ import annotations`: the validator reads the annotations as types.

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from orchestrator.base.language import say
from orchestrator.base.secrets import is_secret_name
from orchestrator.recipe.schema_data import Columns, Data, SelfCognition, Source, Split
from orchestrator.recipe.schema_train import Lora, Quantization, Train
from orchestrator.recipe.value import Problem, Value, about

__all__ = [
    "Columns",
    "Data",
    "Evaluate",
    "Expect",
    "Export",
    "Lora",
    "Model",
    "Needs",
    "Param",
    "Preflight",
    "Quantization",
    "Recipe",
    "SelfCognition",
    "Source",
    "Split",
    "Train",
    "json_schema",
]

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ENGINE_PATTERN = r"^[a-z0-9_-]+@[0-9A-Za-z.+-]+$"


@dataclass(frozen=True, kw_only=True)
class Model(Value):
    """The base model and the one prompt template used for training, chat and export."""

    id: str = field(metadata=about("Model id on its hub, or a local folder", min_length=1))
    hub: Literal["modelscope", "huggingface", "local"] = field(
        default="modelscope", metadata=about("Where the id is looked up")
    )
    revision: str | None = field(default=None, metadata=about("Tag, branch or commit on the hub"))
    path: str | None = field(
        default=None,
        metadata=about("A local folder with the weights; nothing is downloaded when it is given"),
    )
    template: str = field(
        metadata=about("Prompt template, one name for training, chat and export", min_length=1)
    )
    trust_remote_code: bool | None = field(
        default=None,
        metadata=about(
            "Run Python code that the model brings; by default only code that a shipped recipe "
            "names by owner and revision"
        ),
    )
    architecture: str | None = field(
        default=None,
        metadata=about(
            "Model family of a rehearsal's native stand-in (llama, glm4, qwen2 …); "
            "by default it follows from the id"
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Export(Value):
    """What is made from the trained weights."""

    merge: bool = field(default=True, metadata=about("Merge the adapter into the base model"))
    max_shard_size: str = field(
        default="2GB",
        metadata=about(
            "Largest file of the merged model",
            pattern=r"^[1-9]\d*(MB|GB)$",
            examples=["2GB", "500MB"],
        ),
    )
    safe_serialization: bool | None = field(
        default=None,
        metadata=about("safetensors (true) or .bin (false); null is the engine's own default"),
    )
    device: Literal["auto", "cuda", "cpu"] = field(
        default="auto", metadata=about("Where merging happens")
    )
    fp32: bool = field(default=False, metadata=about("Keep 32-bit weights when converting"))


@dataclass(frozen=True, kw_only=True)
class Evaluate(Value):
    """Prompts answered during training, so that a reader sees the model change."""

    prompts: list[str] = field(
        default_factory=list, metadata=about("Asked every `every` iterations")
    )
    system: str | None = field(default=None, metadata=about("System text of these prompts"))
    every: int | None = field(default=None, metadata=about("Iterations between evaluations", ge=1))
    validation_share: float = field(
        default=0,
        metadata=about(
            "Share of the training rows held out for the loss during training", ge=0, lt=1
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Expect(Value):
    """What a finished run must show; a difference fails the stage that finds it."""

    rows: int | None = field(default=None, metadata=about("Rows after conversion", ge=0))
    train_rows: int | None = field(default=None, metadata=about("Rows of the training split", ge=0))
    test_rows: int | None = field(default=None, metadata=about("Rows of the test split", ge=0))


@dataclass(frozen=True, kw_only=True)
class Needs(Value):
    """What a run needs at least, for `recipe list`; a rehearsal needs none of it."""

    gpus: int = field(default=1, metadata=about("GPUs", ge=0))
    gpu_gb: float | None = field(default=None, metadata=about("GPU memory in all, in GB", gt=0))
    disk_gb: float | None = field(default=None, metadata=about("Disk space, in GB", gt=0))


@dataclass(frozen=True, kw_only=True)
class Preflight(Value):
    """What `recipe check` looks at before a byte is downloaded."""

    ignore: dict[str, str] = field(
        default_factory=dict,
        metadata=about("Rules that are not heard, by id, each with the reason: `disk-space: …`"),
    )


@dataclass(frozen=True, kw_only=True)
class Param(Value):
    """A short name for `-p NAME=VALUE`; `NAME: KEY` is short for `NAME: {key: KEY}`."""

    key: str = field(metadata=about("The dotted key of this recipe that it stands for"))
    required: bool = field(
        default=False, metadata=about("A run stops at once where the key has no value")
    )
    example: str | None = field(
        default=None, metadata=about("A value that works, shown where one is required")
    )
    about: str | None = field(default=None, metadata=about("What the value is, in a few words"))


@dataclass(frozen=True, kw_only=True)
class Recipe(Value):
    """One recipe file, resolved."""

    title: str = field(metadata=about("One line, shown by `recipe list`", min_length=1))
    source: str = field(default="", metadata=about("The tutorial, paper or course this follows"))
    task: str = field(
        default="", metadata=about("What the model learns, in a word or two, for `recipe list`")
    )
    language: str = field(
        default="",
        metadata=about(
            "Languages of the rows, by their codes",
            pattern=r"^([a-z]{2,3}(, [a-z]{2,3})*)?$",
            examples=["zh", "en, zh"],
        ),
    )
    needs: Needs = field(default_factory=Needs, metadata=about("GPU and disk"))
    engine: str = field(
        metadata=about(
            "Engine release, e.g. NAME@VERSION; see `recipe env`",
            pattern=ENGINE_PATTERN,
            examples=["NAME@VERSION"],
        )
    )
    model: Model = field(metadata=about("The base model"))
    data: Data = field(metadata=about("The rows"))
    train: Train = field(default_factory=Train, metadata=about("The training"))
    export: Export = field(default_factory=Export, metadata=about("The result"))
    evaluate: Evaluate = field(default_factory=Evaluate, metadata=about("Prompts on the way"))
    expect: Expect = field(default_factory=Expect, metadata=about("Figures that must come out"))
    preflight: Preflight = field(
        default_factory=Preflight, metadata=about("Rules of the preflight that are not heard")
    )
    params: dict[str, Param] = field(
        default_factory=dict,
        metadata=about("Short names for `-p NAME=VALUE`: `NAME: KEY`, or the keys below"),
    )
    env: dict[str, str] = field(
        default_factory=dict,
        metadata=about("Environment variables of the engine's commands; a secret is not one"),
    )
    engine_options: dict[str, Any] = field(
        default_factory=dict,
        metadata=about("Native keys of the engine, passed through and checked against the engine"),
    )
    trust_code: list[str] = field(
        default_factory=list,
        metadata=about(
            "Python modules or objects outside the engine's own libraries that "
            "`engine_options` may name; their code runs"
        ),
    )
    template_file: str | None = field(
        default=None,
        metadata=about(
            "A config template of your own, beside the recipe, instead of the engine's",
            min_length=1,
        ),
    )

    @classmethod
    def problems(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        variables = given.get("env")
        for name in variables if isinstance(variables, Mapping) else ():
            if not _VARIABLE.fullmatch(name):
                what = say(f"{name!r} cannot be the name of a variable", f"{name!r} 不能作为变量名")
                yield what, "env", name
            elif is_secret_name(name):
                what = say(
                    f"a secret does not belong into a recipe: export {name}=… before the command",
                    f"密钥不应写进配方：请在命令之前 export {name}=…",
                )
                yield what, "env", name

    @property
    def engine_name(self) -> str:
        return self.engine.partition("@")[0]

    @property
    def engine_version(self) -> str:
        return self.engine.partition("@")[2]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a recipe file as written, ``extends`` included."""
    from pydantic import TypeAdapter

    schema = TypeAdapter(Recipe).json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["properties"] = {
        "extends": {"type": "string", "description": "Name or path of the recipe to inherit from"},
        **schema["properties"],
    }
    schema["properties"]["params"]["additionalProperties"] = {
        "anyOf": [{"type": "string"}, {"$ref": "#/$defs/Param"}]
    }
    # A child may leave out what its parent gives.
    schema["anyOf"] = [
        {"required": ["extends"]},
        {"required": schema.pop("required", [])},
    ]
    return schema
