"""What the figures mean, in words: nothing learnt, wrong template, wrong base, damaged export."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

#: A loss that fell by less than this share of itself did not fall.
FELL = 0.01
#: The chat template's loss is lower by this share: the run asks in a way the model does not know.
OTHER_TEMPLATE = 0.1


@dataclass(frozen=True)
class Verdict:
    """A judgement with its evidence, in both languages; ``id`` is for programs."""

    id: str
    level: Literal["good", "warning", "bad"]
    english: str
    chinese: str


def verdicts(found: Mapping[str, Any], *, steps: int | None, rehearsal: bool) -> list[Verdict]:
    """Judge ``found`` (the probe's result); ``steps``: optimizer steps of the training, if known.

    In a rehearsal the template is not judged: the stand-in's tokenizer need not know its marks.
    """
    told = [*_export(found), *_base(found), *_learnt(found, steps)]
    return told if rehearsal else [*told, *_template(found)]


def _export(found: Mapping[str, Any]) -> Iterator[Verdict]:
    merged, unfit = found["merged"] or {}, found["unfit"].get("merged")
    if unfit:
        yield Verdict(
            "damaged-export",
            "bad",
            f"The export is damaged: merged/ is not whole ({unfit}). Make it again.",
            f"导出已损坏：merged/ 不完整（{unfit}）。请重新导出。",
        )
    if names := merged.get("not_finite"):
        yield Verdict(
            "damaged-export",
            "bad",
            f"The export is damaged: weights of merged/ are no numbers ({', '.join(names)}).",
            f"导出已损坏：merged/ 中有非数值的权重（{'、'.join(names)}）。",
        )
    if names := merged.get("as_base"):
        yield Verdict(
            "not-merged",
            "bad",
            f"merged/ is the base model: the adapter is not in it ({', '.join(names)}).",
            f"merged/ 就是基座模型：其中没有合并适配器（{'、'.join(names)}）。",
        )
    wrong = [*merged.get("neither", ()), *merged.get("missing", ())]
    if wrong and not merged.get("other_base"):
        yield Verdict(
            "damaged-export",
            "bad",
            f"The export is damaged, or of another adapter: {', '.join(wrong)} is not base + "
            "adapter. Make it again.",
            f"导出已损坏，或合并了别的适配器：{'、'.join(wrong)} 不等于基座 + 适配器。请重新导出。",
        )


def _base(found: Mapping[str, Any]) -> Iterator[Verdict]:
    if why := found["unfit"].get("adapter"):
        yield Verdict(
            "wrong-base",
            "bad",
            f"Wrong base, or a damaged adapter: it cannot be put on this base model: {why}",
            f"基座不对，或适配器已损坏：无法装到这个基座模型上：{why}",
        )
    if found["adapter"] is not None and (names := (found["merged"] or {}).get("other_base")):
        yield Verdict(
            "wrong-base",
            "bad",
            "Wrong base: weights that no training touched differ between the base model and "
            f"merged/ ({', '.join(names)}). One of them is of another model.",
            "基座不对：训练没有改动的权重在基座模型和 merged/ 中不同"
            f"（{'、'.join(names)}）。其中之一来自别的模型。",
        )


def _learnt(found: Mapping[str, Any], steps: int | None) -> Iterator[Verdict]:
    adapter, models = found["adapter"], found["models"]
    after = models.get("adapter") or models.get("merged")
    if adapter is not None and not adapter["modules"]:
        adapter = None  # another kind of adapter than LoRA: its weights say nothing here
    if adapter is not None and adapter["zero"] == adapter["modules"]:
        yield Verdict(
            "nothing-learnt",
            "bad",
            f"Nothing was learnt: all {adapter['modules']} modules of the adapter are zero.",
            f"什么也没学到：适配器的全部 {adapter['modules']} 个模块都是零。",
        )
        return
    if steps is not None and steps <= 1:
        yield Verdict(
            "one-step",
            "bad",
            "Next to nothing was learnt: the training took one optimizer step. More rows or "
            "epochs, or a smaller train.accumulate, give more.",
            "几乎什么也没学到：训练只有一个优化器步。请增加数据或轮数，或减小 train.accumulate。",
        )
    if after is None:
        return
    before = models["base"]
    old, new = before["loss"], after["loss"]
    if old is None or new is None:
        if after["answers"] == before["answers"]:
            yield Verdict(
                "nothing-learnt",
                "bad",
                "Nothing can be seen to be learnt: every answer is the base model's.",
                "看不出学到了什么：每个回答都与基座模型相同。",
            )
        return
    english = f"loss on the held-out rows {old:.4g} before, {new:.4g} after training"
    chinese = f"留出数据上的损失：训练前 {old:.4g}，训练后 {new:.4g}"
    if not math.isfinite(new):
        yield Verdict(
            "diverged", "bad", f"The training diverged: {english}.", f"训练发散：{chinese}。"
        )
    elif new > old * (1 + FELL):
        yield Verdict(
            "worse",
            "bad",
            f"It got worse: {english}. Overfitting, a rate too high, or another base.",
            f"变差了：{chinese}。可能是过拟合、学习率过高或基座不对。",
        )
    elif new > old * (1 - FELL):
        same = after["answers"] == before["answers"]
        more = (", and every answer is the same", "，且每个回答都相同") if same else ("", "")
        yield Verdict(
            "nothing-learnt",
            "bad" if same else "warning",
            f"Hardly anything was learnt: {english}{more[0]}.",
            f"几乎什么也没学到：{chinese}{more[1]}。",
        )
    else:
        yield Verdict("learnt", "good", f"It learnt: {english}.", f"学到了：{chinese}。")


def _template(found: Mapping[str, Any]) -> Iterator[Verdict]:
    template, base = found["template"], found["models"]["base"]
    own = (template["chat_template"] or {}).get("loss")
    if own is not None and base["loss"] and own < base["loss"] * (1 - OTHER_TEMPLATE):
        yield Verdict(
            "wrong-template",
            "warning",
            "Probably the wrong template: the base model knows the rows better when asked by its "
            f"own chat template (loss {own:.4g}) than by the run's ({base['loss']:.4g}).",
            "模板可能不对：用模型自己的对话模板提问时，基座模型的损失更低"
            f"（{own:.4g}，而用本次运行的模板为 {base['loss']:.4g}）。",
        )
    if names := template["unknown_marks"]:
        yield Verdict(
            "wrong-template",
            "warning",
            f"Perhaps the wrong template: none of its marks ({', '.join(names)}) is a token here.",
            f"模板可能不对：它的标记（{'、'.join(names)}）都不是该分词器的词元。",
        )
