"""From log lines to causes; each shipped explanation on a line as an engine really prints it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.engines.xtuner import crashed, explain
from orchestrator.engines.xtuner.failures import EXPLANATIONS
from orchestrator.verifying.explain import COMMON, Explanation, meaningful_lines
from orchestrator.verifying.explain import explain as explain_with

#: a line of a log -> words of the cause, in the order of the shipped tables.
LINES = {
    "KeyError: 'instruction_zh'": "map function of another data set",
    "ValueError: Column length [] vs": "no row has the key `conversation`",
    "ValueError: ./m contains custom code which must be executed to correctly load the model.":
        "brings its own code",
    "command error: 'cannot import name 'packaging' from 'pkg_resources''!": "setuptools 70",
    "AttributeError: module 'torch.cpu' has no attribute 'is_bf16_supported'": "no GPU can be seen",
    "ModuleNotFoundError: No module named 'mpi4py'": "DeepSpeed looked for MPI",
    "Error: mkl-service + Intel(R) MKL: MKL_THREADING_LAYER=INTEL is incompatible with libgomp":
        "MKL met libgomp",
    "_pickle.UnpicklingError: Weights only load failed.": "torch 2.6",
    "TypeError: llama_attn_forward() got an unexpected keyword argument 'padding_mask'":
        "do not fit for Llama",
    "KeyError: 'Cache only has 0 layers, attempted to access layer with index 0'":
        "another transformers",
    "ValueError: end should be larger than begin, but got begin=0, end=0": "warm-up is shorter",
    "AttributeError: libbitsandbytes_cpu.so: undefined symbol: cadam32bit_grad_fp32":
        "bitsandbytes found no CUDA",
    "ModuleNotFoundError: No module named 'transformers_modules.internlm-7b-v1'":
        "a dot in the model folder's name",
    "command error: 'No module named 'xtuner.parallel''!": "could not import its own tool",
    "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 20 MiB":
        "the GPU's memory is full",
    "OSError: [Errno 28] No space left on device": "the disk is full",
    "[E ProcessGroupNCCL.cpp] Watchdog caught collective operation timeout": "gave up waiting",
    "TypeError: ChatGLMTokenizer._pad() got an unexpected keyword argument 'padding_side'":
        "transformers below 4.45",
    "AttributeError: can't set attribute 'eos_token'": "a ChatGLM tokenizer",
    "ValueError: Attempting to unscale FP16 gradients.": "fp16 training",
    "FileNotFoundError: [Errno 2] No such file or directory: 'config.json'":
        "a file is missing: 'config.json'",
    "ModuleNotFoundError: No module named 'flash_attn'": "lacks the package 'flash_attn'",
    "requests.exceptions.ConnectionError: Max retries exceeded": "tried to reach a hub",
}  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_known_line_is_explained(line: str) -> None:
    log = f"11/21 07:39:14 - mmengine - INFO - something\n{line}\n"
    found = explain(log)
    assert found is not None
    cause, fix = found
    assert LINES[line] in cause
    assert fix


def test_every_shipped_explanation_is_tried_above() -> None:
    known = (*EXPLANATIONS, *COMMON)
    used = [one for line in LINES for one in known if re.search(one.pattern, line)]
    assert [one.pattern for one in known if one not in used] == []


def test_what_is_unknown_is_not_explained() -> None:
    assert explain("11/21 - mmengine - INFO - Iter(train) [ 10/100]\nAll done!\n") is None


@given(st.text())
def test_any_log_can_be_looked_at(log: str) -> None:
    explain(log)
    crashed(log)
    assert len(meaningful_lines(log, 5)) <= 5


#: What bitsandbytes prints on every machine without a GPU, where nothing is wrong.
HARMLESS = (
    "The installed version of bitsandbytes was compiled without GPU support.\n"
    "/x/libbitsandbytes_cpu.so: undefined symbol: cadam32bit_grad_fp32\n"
)


def test_a_harmless_warning_is_never_the_cause() -> None:
    assert explain(HARMLESS + "KeyError: 'something unknown'\n") is None


def test_the_failure_furthest_down_is_the_cause() -> None:
    first = "ModuleNotFoundError: No module named 'flash_attn'\n"
    last = "OSError: [Errno 28] No space left on device\n"
    assert explain(first + last) != explain(last + first)
    assert explain(HARMLESS + first + last) == explain(last)


def test_a_detail_with_braces_is_text() -> None:
    known = [Explanation(r"missing (?P<detail>.*)", "missing: {detail}", "bring {detail}")]
    assert explain_with("missing {x} {0}", known) == ("missing: {x} {0}", "bring {x} {0}")


LOG = """\
11/21 07:39:14 - mmengine - INFO - before
 12%|███       | 1/8 [00:01<00:07]\r 25%|███   | 2/8 [00:02<00:05,  1.1it/s]
/x/y.py:11: FutureWarning: deprecated
  warnings.warn(
Traceback (most recent call last):
  File "train.py", line 1, in <module>
    main()
RuntimeError: the cause
During handling, the launcher says goodbye
"""


def test_the_last_lines_end_with_the_crash() -> None:
    lines = meaningful_lines(LOG)
    assert lines[-1] == "RuntimeError: the cause"
    assert not any("FutureWarning" in line or "it/s" in line for line in lines)
    assert lines[0] == "11/21 07:39:14 - mmengine - INFO - before"


def test_the_help_page_after_a_command_error_is_left_out() -> None:
    log = "WARNING: command error: 'No module named 'x''!\n  Some usages\n    1. List\n"
    assert meaningful_lines(log) == ["WARNING: command error: 'No module named 'x''!"]


def test_a_log_without_a_crash_ends_with_its_last_lines() -> None:
    assert meaningful_lines("a\n\nb\n----------\nc\n", 2) == ["b", "c"]


TRACEBACK = "Traceback (most recent call last):\n  File x\nKeyError: 'text'\n"


@pytest.mark.parametrize(
    ("log", "verdict"),
    [
        ("command error: 'x'!\n", True),
        (TRACEBACK, True),
        (TRACEBACK + "11/21 07:39:14 - mmengine - INFO - Iter(train) [1/8]\n", False),
        (TRACEBACK + "All done!\n", False),
        ("11/21 07:39:14 - mmengine - INFO - fine\n", False),
        ("", False),
    ],
)
def test_a_crash_behind_exit_code_0(log: str, verdict: bool) -> None:
    assert crashed(log) is verdict
