"""The composite demo, unchanged, by streamlit. Runs in the engine's Python.

usage: python demo.py [words of `streamlit run`], with MODEL_PATH, TOKENIZER_PATH and, after
P-Tuning, PT_PATH and PRE_SEQ_LEN in the environment.
"""

import os
import sys
from pathlib import Path


def main():
    from streamlit.web.cli import main as streamlit

    page = Path(os.environ["CHATGLM3"], "composite_demo", "main.py")
    shown = ("MODEL_PATH", "TOKENIZER_PATH", "PT_PATH", "PRE_SEQ_LEN")
    print(
        " ".join(f"{name}={os.environ[name]}" for name in shown if name in os.environ), flush=True
    )
    sys.argv = ["streamlit", "run", str(page), *sys.argv[1:]]
    streamlit()


if __name__ == "__main__":
    main()
