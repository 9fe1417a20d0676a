"""What a rendered ``train.sh`` hands to a training script, and what the script's own parser makes
of it. Runs in the engine's Python; the check scripts of the engines put this folder on their path.
"""

import contextlib
import io
import os
import runpy
import subprocess
import sys
from pathlib import Path

#: bash takes a variable of this name for a function, which hides the program of the same name.
_FUNCTIONS = {
    "BASH_FUNC_torchrun%%": "() { printf '%s\\0' \"$@\"; }",
    "BASH_FUNC_mkdir%%": "() { :; }",
}
#: What torchrun tells its only process; port 0 is any that is free.
_ALONE = {
    "RANK": "0",
    "LOCAL_RANK": "0",
    "WORLD_SIZE": "1",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "0",
}


class Parsed(BaseException):
    """The parser came to its end: nothing of the script behind it is wanted."""

    def __init__(self, groups):
        super().__init__("parsed")
        self.groups = groups


def rendered(script):
    """(training script, its words): what bash, reading ``script``, would start torchrun with."""
    done = subprocess.run(
        ["bash", script],
        env={**os.environ, **_FUNCTIONS},
        capture_output=True,
        check=False,
    )
    words = done.stdout.decode().split("\0")[:-1]
    start = next((n for n, word in enumerate(words) if word.endswith(".py")), None)
    if done.returncode or start is None:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise ValueError(f"{script} starts no training script: {' '.join(last) or 'no torchrun'}")
    return Path(words[start]), words[start + 1 :]


def parsed(script, words):
    """The groups of arguments that ``script`` itself makes of ``words``: its imports and its parser
    run, and nothing behind them. ValueError with the parser's last words when it refuses."""
    from transformers import HfArgumentParser

    if "--deepspeed" in words:  # its arguments join a process group while they are read
        for name, value in _ALONE.items():
            os.environ.setdefault(name, value)
    parse = HfArgumentParser.parse_args_into_dataclasses

    def stop(self, *args, **options):
        raise Parsed(parse(self, *args, **options))

    HfArgumentParser.parse_args_into_dataclasses = stop
    own, sys.argv = sys.argv, [str(script), *words]
    sys.path.insert(0, str(script.parent))
    heard = io.StringIO()
    try:
        with contextlib.redirect_stderr(heard):
            runpy.run_path(str(script), run_name="__main__")
    except Parsed as end:
        return end.groups
    except SystemExit as error:  # argparse prints what is wrong, then exits
        last = heard.getvalue().strip().splitlines()[-1:]
        raise ValueError(last[0] if last else f"it ended with {error.code}") from error
    finally:
        sys.argv = own
        HfArgumentParser.parse_args_into_dataclasses = parse
    raise ValueError(f"{script.name} ended without reading its arguments")
