"""ROUGE and BLEU by sacrebleu and rouge-score: an extra (docs/decisions/compare.md)."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from orchestrator.base.language import say

ROUGE = ("rouge1", "rouge2", "rougeL")


class Chinese:
    """sacrebleu's own tokenizer `zh`: every Chinese character is a word, the rest as WMT's 13a."""

    def __init__(self) -> None:
        module: Any = importlib.import_module("sacrebleu.tokenizers.tokenizer_zh")
        self._tokenizer = module.TokenizerZh()

    def tokenize(self, text: str) -> list[str]:
        """The words of ``text``, as rouge-score wants them."""
        words: str = self._tokenizer(text.lower())
        return words.split()


def available() -> bool:
    """Whether the libraries are there."""
    try:
        importlib.import_module("sacrebleu")
        importlib.import_module("rouge_score")
    except ImportError:
        return False
    return True


def missing() -> str:
    """What to do where they are not, in words."""
    return say(
        "BLEU and ROUGE need two packages: pip install 'finetune-recipe[scores]'",
        "BLEU 和 ROUGE 需要两个软件包：pip install 'finetune-recipe[scores]'",
    )


def scores(answers: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """BLEU of the corpus (0 to 100) and the mean F of ROUGE-1, -2 and -L (0 to 100).

    Source: sacrebleu (Post 2018, arXiv:1804.08771) with ``tokenize=zh``; rouge-score (Lin 2004).
    """
    bleu: Any = importlib.import_module("sacrebleu")
    rouge: Any = importlib.import_module("rouge_score.rouge_scorer")
    scorer = rouge.RougeScorer(list(ROUGE), tokenizer=Chinese())
    found = {
        "bleu": float(bleu.corpus_bleu(list(answers), [list(references)], tokenize="zh").score)
    }
    pairs = [scorer.score(wanted, told) for told, wanted in zip(answers, references, strict=True)]
    for name in ROUGE:
        found[name] = 100 * sum(one[name].fmeasure for one in pairs) / len(pairs)
    return {name: round(value, 2) for name, value in found.items()}
