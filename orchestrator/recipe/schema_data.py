"""The part of a recipe that says where its rows come from."""

# No `from __future__ import annotations`: the validator reads the annotations as types.

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from orchestrator.base.language import say
from orchestrator.recipe.value import Problem, Value, about

_SHARE = re.compile(r"\d+(\.\d+)?%")


@dataclass(frozen=True, kw_only=True)
class SelfCognition(Value):
    """Rows in which the model says who it is and whose assistant it is (the camp's homework)."""

    name: str = field(metadata=about("Whose assistant the model is to become", min_length=1))
    maker: str | None = field(
        default=None, metadata=about("Who made the model, when it is to say so")
    )
    repeats: int = field(
        default=1, metadata=about("How many times the generated rows are repeated", ge=1)
    )
    language: Literal["zh", "en", "both"] = field(
        default="zh", metadata=about("Language of the rows")
    )

    @classmethod
    def problems(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        name = given.get("name")
        if isinstance(name, str) and name and not name.strip():
            yield say("must not be blank", "不能只有空白"), "name"


@dataclass(frozen=True, kw_only=True)
class Columns(Value):
    """Which column holds what: a letter (A, D, AA) or the text of a header cell."""

    input: str = field(metadata=about("The question"))
    output: str = field(metadata=about("The answer"))
    system: str | None = field(default=None, metadata=about("The system text of each row"))


@dataclass(frozen=True, kw_only=True)
class Source(Value):
    """One source of rows: exactly one of ``path``, ``dataset`` and ``self_cognition``."""

    path: str | None = field(
        default=None,
        metadata=about(
            "Spreadsheet, JSON, JSONL, CSV or Parquet file; looked for in the "
            "current folder, then beside the recipe"
        ),
    )
    url: str | None = field(
        default=None, metadata=about("Where the file is fetched from when it is nowhere on disk")
    )
    sha256: str | None = field(
        default=None,
        metadata=about(
            "SHA-256 of the file behind `url`, checked",
            pattern=r"^[0-9a-f]{64}$",
            examples=["64 hexadecimal digits"],
        ),
    )
    sample: str | None = field(
        default=None,
        metadata=about(
            "A small shipped file in the same layout, beside the recipe, which a rehearsal "
            "uses when the real one is not there"
        ),
    )
    get: str | None = field(default=None, metadata=about("In words: where a reader gets this file"))
    dataset: str | None = field(
        default=None, metadata=about("A data set on a hub, loaded by the engine")
    )
    subset: str | None = field(
        default=None,
        metadata=about("Configuration of `dataset` on its hub (its `name`)", min_length=1),
    )
    split: str | None = field(
        default=None,
        metadata=about("Split of `dataset` (train, train[:1000] …)", min_length=1),
    )
    map_fn: str | None = field(
        default=None,
        metadata=about("The engine's own map function for `dataset` (oasst1_map_fn …)"),
    )
    fields: dict[str, str] = field(
        default_factory=dict,
        metadata=about(
            "What the columns of `dataset` are called, by the keys of its row format: "
            "{instruction: question, output: answer}; a key that is not here is not there"
        ),
    )
    tags: dict[str, str] = field(
        default_factory=dict,
        metadata=about(
            "The words of a conversation in `dataset`: {role: from, content: value, user: human, "
            "assistant: gpt, system: system, observation: observation, function: function_call}"
        ),
    )
    self_cognition: SelfCognition | None = field(
        default=None, metadata=about("Rows that are generated")
    )
    name: str | None = field(
        default=None, metadata=about("A short name, for messages and the row account")
    )
    format: str = field(
        default="auto",
        metadata=about("Row format when looking into the file is not enough (see `data`)"),
    )
    sheet: str | int | None = field(
        default=None, metadata=about("Sheet name, or its number from 1")
    )
    header_row: int = field(
        default=1, metadata=about("Row number of the header line; 0 when there is none", ge=0)
    )
    encoding: str | None = field(
        default=None,
        metadata=about("Text encoding, when it is not recognised (gb18030, big5, shift_jis …)"),
    )
    columns: Columns | None = field(
        default=None, metadata=about("Which spreadsheet column holds what")
    )
    system: str | None = field(
        default=None, metadata=about("System text for every row of this source")
    )
    sample_rows: int | None = field(
        default=None,
        metadata=about("Take this many rows, drawn with the split's seed; too few repeat", ge=1),
    )
    weight: float | None = field(
        default=None,
        metadata=about(
            "Share of this source in the mix, relative to the others (1); a source that is too "
            "small is repeated evenly",
            ge=0,
        ),
    )
    clean: dict[str, Any] = field(
        default_factory=dict, metadata=about("Cleaning rules, as `recipe data clean` takes them")
    )

    @classmethod
    def problems(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        kinds = [key for key in ("path", "dataset", "self_cognition") if given.get(key) is not None]
        if len(kinds) != 1:
            has = say(" and ", " 和 ").join(kinds) or say("none of them", "一个也没有")
            yield (
                say(
                    f"give exactly one of path, dataset, self_cognition; this has {has}",
                    f"path、dataset、self_cognition 必须且只能给出一个；此处：{has}",
                ),
            )
        for key in ("subset", "split", "fields", "tags"):
            if given.get(key) and given.get("dataset") is None:
                what = say(
                    "is about a hub data set, and this source has no `dataset`",
                    "只用于仓库数据集，而此来源没有 `dataset`",
                )
                yield what, key


@dataclass(frozen=True, kw_only=True)
class Split(Value):
    """Train and test shares. The ratio floors as the tutorial's script does: int(rows * train)."""

    train: float = field(
        default=1, metadata=about("Share of the rows that is trained on", gt=0, le=1)
    )
    seed: int = field(default=0, metadata=about("Seed of the shuffle"))
    keep_duplicates_together: bool = field(
        default=False, metadata=about("Rows with the same question stay on one side")
    )


@dataclass(frozen=True, kw_only=True)
class Data(Value):
    """The rows: where they come from, how they are split, and how many may be rejected."""

    sources: list[Source] = field(metadata=about("Merged in order", min_length=1))
    split: Split = field(default_factory=Split, metadata=about("Shares"))
    rows: str | None = field(
        default=None,
        metadata=about(
            "Row format that the engine gets, where its usual one has no place for a field: "
            "sharegpt holds calls of tools"
        ),
    )
    max_rejects: int | str = field(
        default=0,
        metadata=about("Rejected rows that are accepted: a number, or a share such as 5%"),
    )
    dedupe: Literal["exact", "request", "near"] | None = field(
        default=None,
        metadata=about("Leave out rows that came before: the same, the same question, or nearly"),
    )
    drop: list[str] = field(
        default_factory=list,
        metadata=about(
            "Fields of rows that may be left out when the engine has no place for them: tools, "
            "images, loss, … or a field's own name; all: all of them"
        ),
    )
    shuffle: bool = field(default=True, metadata=about("Shuffle before packing"))

    @classmethod
    def problems(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        limit = given.get("max_rejects", 0)
        text = isinstance(limit, str) and not _SHARE.fullmatch(limit)
        if text or (isinstance(limit, int) and limit < 0):
            what = say(
                f"must be a number of rows or a share such as 5%, not {limit!r}",
                f"应为行数或形如 5% 的比例，而不是 {limit!r}",
            )
            yield what, "max_rejects"
