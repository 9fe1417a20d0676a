"""What a run's models answer, asked as XTuner's own map and encode functions ask. Runs in its
environment.

usage: python answer.py REQUEST RESULT (orchestrator/probes/make_comparison.py); the request's
``template`` is a name of PROMPT_TEMPLATE.
"""

import re
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3] / "probes"))

import make_comparison

MARK = re.compile(r"<[|\w/-]+>")


def prepare(request, tokenizer):
    from xtuner.dataset.map_fns import template_map_fn
    from xtuner.dataset.utils import encode_fn
    from xtuner.utils import PROMPT_TEMPLATE

    template = PROMPT_TEMPLATE[request["template"]]

    def encode(system, turns):
        said = [{"input": asked, "output": answered} for asked, answered in turns]
        said[0]["system"] = system
        row = template_map_fn({"conversation": said}, template)
        whole = encode_fn(row, tokenizer, 10**9, True)
        ids, labels = whole["input_ids"], whole["labels"]
        end = max(i for i, label in enumerate(labels) if label >= 0) + 1
        start = end
        while start and labels[start - 1] >= 0:
            start -= 1
        return ids[:start], ids[start:end]

    text = "".join(str(template.get(key) or "") for key in ("SYSTEM", "INSTRUCTION", "SUFFIX"))
    return encode, sorted(set(MARK.findall(text)))


if __name__ == "__main__":
    make_comparison.main(prepare)
