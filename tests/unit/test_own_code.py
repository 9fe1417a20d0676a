"""A failure in code that a model brings is told as what it is."""

from __future__ import annotations

import pytest

from orchestrator.causes.why import Cause
from orchestrator.causes.why import explain as explain_by
from orchestrator.engines import registry
from orchestrator.running.execution import Ending

MODULES = "/home/u/.cache/huggingface/modules/transformers_modules"
#: As make_own_standin.py ends.
TOLD = """\
TypeError: ChatGLMTokenizer._pad() got an unexpected keyword argument 'padding_side'
own code: its tokenizer cannot be with transformers 4.57.6: TypeError: ChatGLMTokenizer._pad() got \
an unexpected keyword argument 'padding_side'
"""
#: As an engine prints it.
TRACED = f"""\
Traceback (most recent call last):
  File "/env/bin/llamafactory-cli", line 8, in <module>
    sys.exit(main())
  File "{MODULES}/standin/modeling_internlm2.py", line 1210, in forward
    past_key_values = DynamicCache.from_legacy_cache(past_key_values)
                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
AttributeError: type object 'DynamicCache' has no attribute 'from_legacy_cache'
"""


def explained(log: str) -> Cause:
    found = explain_by(log, registry.causes(log))
    return found or Cause(None, "", "", "", None, sure=False)


def test_what_the_stand_ins_maker_says() -> None:
    found = explained(TOLD)
    assert found.id == "model-code-and-transformers"
    assert "release's transformers 4.57.6 (its tokenizer): TypeError:" in found.cause
    assert "--rehearse=native" in found.fix


def test_a_traceback_through_the_models_code() -> None:
    found = explained(f"Traceback (most recent call last):\nOSError: x\n{TRACED}")
    words = "(modeling_internlm2.py, line 1210, in forward): AttributeError: type object"
    assert found.id == "model-code-failed"
    assert words in found.cause


def test_what_an_engine_makes_of_it_does_not_hide_it() -> None:
    chain = (
        f"{TRACED}\nThe above exception was the direct cause of the following exception:\n\n"
        "Traceback (most recent call last):\nOSError: Failed to load tokenizer.\n"
    )
    assert "modeling_internlm2.py, line 1210" in explained(chain).cause


@pytest.mark.parametrize(
    "log",
    [
        "",
        "everything went well",
        TRACED.replace("transformers_modules/standin", "site-packages"),  # not the model's
        TRACED.replace("AttributeError: type object", "torch.OutOfMemoryError: out of memory"),
        f"{TRACED}\nTraceback (most recent call last):\nOSError: [Errno 28]",  # a later one
        TRACED.rpartition("AttributeError")[0],  # cut off: nothing is known of the end
    ],
)
def test_other_failures_are_not_blamed_on_it(log: str) -> None:
    assert explained(log).id not in ("model-code-failed", "model-code-and-transformers")


def test_a_run_names_it_before_what_the_engine_makes_of_it() -> None:
    engine = registry.get("xtuner")
    error = Ending(1, TOLD, out_of_memory=False).explained("It stopped.", engine)
    own, known = str(error).find("the model's own code"), str(error).find("below 4.45")
    assert 0 < own < known
