"""What a training says: a log in mmengine's own words, and a fake engine that speaks it.

The lines are those of a rehearsal of medqa-qlora with XTuner 0.2.0; tests/engine/ holds them to
the real ones.
"""

from __future__ import annotations

from collections.abc import Sequence

LOSSES = (7.5416, 7.1, 6.25, 5.5, 4.75, 4.0, 3.5, 3.25)
PROMPTS = ("请给我介绍五个上海的景点", "Please tell me five scenic spots in Shanghai")
_STAMP = "11/21 18:58:25 - mmengine - INFO - "


def iteration(step: int, total: int, loss: float | str, memory: int | None = None) -> str:
    """The line of one iteration (mmengine/runner/log_processor.py)."""
    peak = f"memory: {memory}  " if memory else ""
    return (
        f"{_STAMP}Iter(train) [{step}/{total}]  lr: 1.3397e-05  eta: 0:00:00  time: 0.0358  "
        f"data_time: 0.0020  {peak}grad_norm: 0.0952  loss: {loss}"
    )


def sample(prompt: str, answer: str) -> str:
    """The record of one answer (xtuner/engine/hooks/evaluate_chat_hook.py)."""
    return f"{_STAMP}Sample output:\n<s><|User|>:{prompt}<eoh>\n<|Bot|>: {answer}<eoa>\n"


def log(losses: Sequence[float | str] = LOSSES, *, memory: int | None = None) -> str:
    """A whole training: answers before, iterations, answers after."""
    total = len(losses)
    lines = [f"{_STAMP}before_train in EvaluateChatHook."]
    lines += [sample(prompt, f"before {number}") for number, prompt in enumerate(PROMPTS)]
    lines += [iteration(at, total, loss, memory) for at, loss in enumerate(losses, 1)]
    lines += [f"{_STAMP}after_train in EvaluateChatHook."]
    lines += [sample(prompt, f"after {number}") for number, prompt in enumerate(PROMPTS)]
    return "\n".join(lines) + "\n"


def speaking(text: str, *, pause: float = 0.0) -> str:
    """Shell lines for ``FakeEngine.behave("train", …)``: print ``text`` slowly, and keep it."""
    return f"""\
mkdir -p work/20260101_000000
while IFS= read -r line; do
  printf '%s\\n' "$line"; printf '%s\\n' "$line" >> work/20260101_000000/20260101_000000.log
  case "$line" in *'Iter(train)'*) sleep {pause} ;; esac
done <<'END'
{text}END
"""
