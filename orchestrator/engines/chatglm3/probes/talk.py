"""The tutorial's inference.py, unchanged, for a terminal. Runs in the engine's Python.

usage: python talk.py [the words of inference.py]
Without a GPU the model stays on the CPU: inference.py says .cuda() of a model with a prefix before
it looks at --device. The end of the input ends the talk, where inference.py ends with a traceback.
"""

import os
import runpy
import sys
from pathlib import Path


def stay_on_cpu():
    """Let .cuda() of a module leave it where it is."""
    import torch

    torch.nn.Module.cuda = lambda self, *_args, **_options: self
    if not any(word.split("=")[0] == "--device" for word in sys.argv[1:]):
        sys.argv += ["--device", "cpu"]


def main():
    import torch

    script = Path(os.environ["CHATGLM3"], "finetune_chatmodel_demo", "inference.py")
    sys.argv[0] = str(script)
    if not torch.cuda.is_available():
        print("no GPU here: on the CPU", file=sys.stderr)
        stay_on_cpu()
    try:
        runpy.run_path(str(script), run_name="__main__")
    except (EOFError, KeyboardInterrupt):
        print()


if __name__ == "__main__":
    main()
