"""What a run's models answer, asked as LLaMA-Factory's own template asks. Runs in its environment.

usage: python answer.py REQUEST RESULT (orchestrator/probes/make_comparison.py); the request's
``template`` is a name of the engine's TEMPLATES.
"""

import re
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3] / "probes"))

import make_comparison
from look_rows import template_of

MARK = re.compile(r"<[|\w/-]+>")


def marks_of(template):
    """The marks in the slots of a template: texts, and {"token": …} for one token each."""
    names = ("format_user", "format_assistant", "format_system")
    slots = [slot for name in names for slot in getattr(template, name).slots]
    tokens = {slot["token"] for slot in slots if isinstance(slot, dict) and "token" in slot}
    texts = "".join(slot for slot in slots if isinstance(slot, str))
    return sorted(tokens | set(MARK.findall(texts)))


def prepare(request, tokenizer):
    from llamafactory.hparams import DataArguments

    before = len(tokenizer)
    template = template_of(tokenizer, DataArguments(template=request["template"]))
    if len(tokenizer) > before:
        print(f"warning: the template adds {len(tokenizer) - before} tokens to the tokenizer")

    def encode(system, turns):
        messages = []
        for asked, answered in turns:
            messages.append({"role": "user", "content": asked})
            messages.append({"role": "assistant", "content": answered})
        prompt, reply = template.encode_oneturn(tokenizer, messages, system or None)
        more = [tokenizer.eos_token_id] if template.efficient_eos else []
        return list(prompt), [*reply, *more]

    return encode, marks_of(template)


if __name__ == "__main__":
    make_comparison.main(prepare)
