"""From a log to a cause: the order of evidence, what is shown of a log, what is never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.causes.excerpt import last_words, to_post, traceback_of
from orchestrator.causes.explanation import Explanation
from orchestrator.causes.why import Cause, Ended, explain
from orchestrator.engines import registry
from orchestrator.engines.xtuner import crashed


def why(log: str, code: int | None = None, *, oom: bool = False) -> Cause | None:
    return explain(log, registry.causes(log), Ended(code, oom))


def cause_of(log: str, code: int | None = None, *, oom: bool = False) -> str | None:
    found = why(log, code, oom=oom)
    return found.id if found else None


def trace(last: str, file: str = "train.py") -> str:
    head = "Traceback (most recent call last):"
    return f'{head}\n  File "{file}", line 1, in <module>\n    main()\n{last}\n'


DISK = "OSError: [Errno 28] No space left on device"
GPU = "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB"
NEW = "SomeError: something that nobody has seen yet"


def test_what_is_unknown_is_told_as_it_stands() -> None:
    found = why(trace(NEW), 1)
    assert found is not None
    assert (found.id, found.cause, found.sure) == (None, NEW, False)
    assert found.traceback[-1] == NEW
    assert found.line == 4


@pytest.mark.parametrize(
    "log",
    [
        "",
        "11/21 - mmengine - INFO - Iter(train) [ 10/100]\nAll done!\n",
        "/x/y.py:11: FutureWarning: `torch.cuda.amp.GradScaler(args...)` is deprecated.\n",
        "[WARNING|logging.py:328] CUDA out of memory may be avoided by a smaller batch\n",
        "[INFO|tokenization_utils_base.py:2272] >> loading file tokenizer.model\n",
        # What bitsandbytes prints on every machine without a GPU, where nothing is wrong.
        "The installed version of bitsandbytes was compiled without GPU support.\n"
        "/x/libbitsandbytes_cpu.so: cannot open shared object file: No GPU\n",
        "Setting `use_cache=True` is incompatible with gradient checkpointing.\n",
    ],
)
def test_a_harmless_log_has_no_cause(log: str) -> None:
    assert why(log) is None


@given(st.text())
def test_any_log_can_be_looked_at(log: str) -> None:
    found = why(log, 1)
    crashed(log)
    to_post(found, log, {})
    assert len(last_words(log, 5)) <= 5


def test_the_last_exception_beats_every_line_and_sign() -> None:
    log = f"CUDA out of memory\n{{'loss': nan, 'grad_norm': nan}}\n{trace(DISK)}Killed soon\n"
    assert cause_of(log, 1) == "disk-full"
    unknown = f"CUDA out of memory\n{{'loss': nan}}\n{trace(NEW)}"
    assert cause_of(unknown, 1) is None


def test_of_two_exceptions_the_later_one_counts() -> None:
    assert cause_of(trace(GPU) + trace(DISK)) == "disk-full"
    assert cause_of(trace(DISK) + trace(GPU)) == "gpu-out-of-memory"


@pytest.mark.parametrize(
    "link",
    [
        "During handling of the above exception, another exception occurred:",
        "The above exception was the direct cause of the following exception:",
    ],
)
def test_the_last_of_a_chain_counts_and_an_unknown_one_falls_back(link: str) -> None:
    assert cause_of(f"{trace(GPU)}\n{link}\n\n{trace(DISK)}") == "disk-full"
    found = why(f"{trace(DISK)}\n{link}\n\n{trace(NEW)}")
    assert found is not None
    assert (found.id, found.sure) == ("disk-full", False)
    wrapped = trace("datasets.exceptions.DatasetGenerationError: An error occurred")
    rows = trace("json.decoder.JSONDecodeError: Expecting ',' delimiter: line 3 column 5 (char 9)")
    assert cause_of(f"{rows}\n{link}\n\n{wrapped}") == "json-broken"


CHILD = "torch.distributed.elastic.multiprocessing.errors.ChildFailedError:"


def test_a_consequence_gives_way_to_what_it_followed_from() -> None:
    watchdog = (
        "[rank0]:[E321 ProcessGroupNCCL.cpp:607] [Rank 0] Watchdog caught collective operation "
        "timeout: WorkNCCL(SeqNum=1580)\n"
    )
    ranks = "".join(f"[rank1]: {line}\n" for line in trace(GPU).splitlines())
    assert cause_of(ranks + watchdog + trace(CHILD), 1) == "gpu-out-of-memory"
    assert cause_of(trace(NEW) + trace(CHILD), 1) is None
    assert cause_of(trace(CHILD), 1) == "child-failed"
    killed = f"{CHILD}\n  rank      : 1 (local_rank: 1)\n  exitcode  : -9 (pid: 3912)\n"
    assert cause_of(trace(killed), 1) == "killed"


def test_the_lines_of_ranks_are_told_apart() -> None:
    """Two ranks write at once; each one's traceback is whole when its lines are put together."""
    first, second = trace(DISK).splitlines(), trace(CHILD).splitlines()
    pairs = zip(first, second, strict=True)
    log = "".join(f"[rank0]: {one}\n[rank1]: {two}\n" for one, two in pairs)
    found = why(log)
    assert found is not None
    assert found.id == "disk-full"
    assert [line.strip() for line in found.traceback] == [line.strip() for line in first]


def test_several_logs_are_judged_together() -> None:
    logs = {"rank0.log": trace(CHILD), "rank1.log": trace(GPU), "rank2.log": ""}
    found = explain(logs, registry.causes(""))
    assert found is not None
    assert (found.id, found.log, found.line) == ("gpu-out-of-memory", "rank1.log", 4)


def test_an_exception_after_which_the_work_went_on_is_none() -> None:
    caught = trace("ImportError: cannot import name 'x' from 'y'")
    steps = "".join(f"{{'loss': 1.{n}, 'epoch': 0.1}}\n" for n in range(3))
    assert why(caught + steps) is None
    assert cause_of(caught + steps + trace(DISK)) == "disk-full"


@pytest.mark.parametrize(
    ("code", "oom", "cause"),
    [
        (-9, True, "host-memory-killed"),
        (-9, False, "killed"),
        (137, False, "killed"),
        (-11, False, "segfault"),
        (139, False, "segfault"),
        (-15, False, "terminated"),
        (1, True, "host-memory-killed"),
    ],
)
def test_how_it_ended_is_evidence(code: int, oom: bool, cause: str) -> None:
    found = why("12/21 - mmengine - INFO - Iter(train) [1/8]\n", code, oom=oom)
    assert found is not None
    assert (found.id, found.sure) == (cause, True)


@pytest.mark.parametrize("code", [0, 1, 2, None])
@pytest.mark.parametrize("log", ["", "step 3\n", trace(NEW)])
def test_nothing_is_called_killed_that_nothing_shows(log: str, code: int | None) -> None:
    found = why(log, code)
    assert found is None or "kill" not in f"{found.id} {found.cause}"


def test_an_exception_and_a_signal() -> None:
    """Python ends with 1 after an exception: after signal 9 it was something that was caught."""
    assert cause_of(trace(NEW), -9) == "killed"
    assert cause_of(f"{trace(GPU)}Aborted (core dumped)\n", -6) == "gpu-out-of-memory"


def test_a_bar_colours_and_a_box_do_not_hide_it() -> None:
    bar = "  0%|          | 0/8 [00:00<?, ?it/s]"
    log = f"\x1b[31m{bar}{trace(DISK)}\x1b[0m\r{bar}\n"
    assert cause_of(log) == "disk-full"
    boxed = (
        "╭───── Traceback (most recent call last) ─────╮\n"
        "│ /x/finetune_hf.py:12 in main                │\n"
        "╰─────────────────────────────────────────────╯\n"
        f"{GPU}\n"
    )
    assert cause_of(boxed) == "gpu-out-of-memory"


def test_a_message_of_several_lines_is_one() -> None:
    last = (
        "RuntimeError: Error(s) in loading state_dict for X:\n\tsize mismatch for a.lora_A.weight"
    )
    found = why(trace(last))
    assert found is not None
    assert found.id == "adapter-of-another-model"
    assert found.evidence.strip().startswith("size mismatch")
    assert found.line == 5


def test_an_engine_named_in_the_log_speaks_first() -> None:
    log = trace("KeyError: 'instruction'", file="/x/{}/data/loader.py")
    assert cause_of(log.format("xtuner")) == "xtuner-map-function"
    assert cause_of(log.format("LLaMA-Factory")) == "llamafactory-column-missing"
    assert cause_of(log.format("other")) in {"xtuner-map-function", "column-missing"}


def test_a_detail_with_braces_is_text() -> None:
    words = ("missing: {detail}", "缺少：{detail}")
    entry = Explanation(
        id="x", pattern=r"missing (?P<detail>.*)", cause=words, fix=words, sample="", source=""
    )
    found = explain("missing {x} {0}", [entry])
    assert found is not None
    assert found.cause == "missing: {x} {0}"


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
    found = why(LOG)
    assert found is not None
    lines = last_words(LOG, until=found.line)
    assert lines[-1] == "RuntimeError: the cause"
    assert not any("FutureWarning" in line or "it/s" in line for line in lines)
    assert lines[0] == "11/21 07:39:14 - mmengine - INFO - before"
    assert last_words("a\n\nb\n----------\nc\n", 2) == ["b", "c"]


def test_a_text_to_post_holds_no_secret_and_no_home() -> None:
    home = str(Path.home())
    log = f"HF_TOKEN=hf_abcdefghijklmnopqrstuvwxyz\n{trace(NEW, file=f'{home}/work/train.py')}"
    text = to_post(why(log), log, {"engine": "xtuner@0.2.0"})
    assert "engine: xtuner@0.2.0" in text
    assert NEW in text
    assert "~/work/train.py" in text
    assert home not in text
    assert "hf_abc" not in text


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/home/li.ming/work/a.py", "~/work/a.py"),
        ("/Users/ann/a.py", "~/a.py"),
        (r"C:\Users\Ann\a.py", r"~\a.py"),
        ("/root/a.py", "~/a.py"),
        ("/opt/root/a.py", "/opt/root/a.py"),
        ("https://x.test/home.html", "https://x.test/home.html"),
    ],
)
def test_a_text_to_post_names_no_user(path: str, kept: str) -> None:
    log = trace(NEW, file=path)
    assert f'"{kept}"' in to_post(why(log), log, {})


def test_a_long_traceback_is_cut_in_its_middle() -> None:
    frames = "".join(f'  File "f{n}.py", line {n}, in f\n' for n in range(200))
    found = why(f"Traceback (most recent call last):\n{frames}{NEW}\n")
    assert found is not None
    lines = traceback_of(found)
    assert len(lines) < 40
    assert (lines[0], lines[-1]) == ("Traceback (most recent call last):", NEW)


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
