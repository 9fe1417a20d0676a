"""Every printed command gives back what was typed, and can be pasted into a shell."""

from __future__ import annotations

import shlex
from dataclasses import replace
from itertools import dropwhile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base import program
from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.running.request import Request, words_of

words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
requests = st.builds(
    Request,
    recipe=st.sampled_from(["medqa-qlora", "a b"]),
    sets=st.lists(words.map(lambda text: f"title={text}"), max_size=3).map(tuple),
    params=st.lists(words.map(lambda text: f"name={text}"), max_size=2).map(tuple),
    engine=st.none() | st.just("xtuner@0.2.0"),
    rehearse=st.just(True),
    standin=st.sampled_from([None, "own", "native"]),
    only_available=st.booleans(),
    passthrough=st.lists(words, max_size=2).map(tuple),
    environ=st.just({}),
)


requests |= requests.map(lambda asked: replace(asked, rehearse=False, standin=None))


@given(requests)
def test_the_line_is_what_was_typed(request_: Request) -> None:
    """Parsed by a shell and by click, the line gives the same request."""
    from orchestrator.cli.runs import plan

    line = request_.line(verb="plan")
    first, verb, *rest = dropwhile(lambda word: word.startswith("RECIPE_"), shlex.split(line))
    assert (first, verb) == ("recipe", "plan")
    context = plan.make_context("plan", rest)
    given = context.params
    assert given["recipe"] == request_.recipe
    for key in ("sets", "params", "engine", "only_available"):
        assert given[key] == getattr(request_, key), key
    kind = request_.standin or "auto"
    assert given["rehearse"] == (kind if request_.rehearse else None)
    assert given["engine_arguments"] == request_.passthrough


@given(requests)
def test_a_request_comes_back_from_the_record(request_: Request) -> None:
    assert Request.of(request_.identity()).identity() == request_.identity()


def test_variables_of_the_shell_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECIPE_SET_TRAIN__EPOCHS", "2")
    monkeypatch.setenv("RECIPE_RUNS", "/some where")
    line = Request(recipe="medqa-qlora").line()
    assert line == "RECIPE_RUNS='/some where' RECIPE_SET_TRAIN__EPOCHS=2 recipe run medqa-qlora"
    assert list(words_of(Request(recipe="x").identity())) == ["RECIPE_SET_TRAIN__EPOCHS=2"]


def test_variables_of_the_record_are_given_back_in_another_shell() -> None:
    """`recipe status` prints the command of a run that was begun with other variables."""
    begun = Request(recipe="medqa-qlora", environ={"RECIPE_SET_TITLE": "a b"}).identity()
    assert Request.of(begun).line() == "RECIPE_SET_TITLE='a b' recipe run medqa-qlora"


def test_a_hint_names_the_run_that_it_is_about() -> None:
    """What is pasted must not meet the name that the failed run has taken."""
    asked = Request(recipe="medqa", name="first", environ={})
    assert asked.completed("start another with --new").endswith("recipe run medqa --new")
    assert asked.completed("--name second").endswith("recipe run medqa --name second")
    rehearsed = asked.within(Path("/runs/medqa/first")).completed("use --rehearse")
    assert rehearsed == "use recipe run medqa --rehearse"
    told = asked.within(Path("/runs/medqa/first")).completed(
        "--set a.b=1", "run", "--until", "data"
    )
    assert told == "recipe run medqa --run /runs/medqa/first --until data --set a.b=1"


def test_a_value_in_a_hint_takes_the_place_of_the_one_that_was_typed() -> None:
    asked = Request(recipe="x", sets=("model.path=wrong", "title=a"), environ={})
    assert asked.completed("--set model.path=FOLDER") == (
        "recipe run x --set title=a --set model.path=FOLDER"
    )


def test_a_recipe_below_this_folder_is_named_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Request(recipe=str(tmp_path / "mine.yaml")).line() == "recipe run mine.yaml"
    assert Request(recipe="/elsewhere/mine.yaml").line() == "recipe run /elsewhere/mine.yaml"


def test_an_error_gets_the_command_as_its_next_step() -> None:
    asked = Request(recipe="medqa-qlora", rehearse=True, sets=("train.epochs=1",), environ={})
    with pytest.raises(UsageError) as caught, asked.completing():
        raise UsageError("No config.", fix="render it first", retry=("--from", "render"))
    assert str(caught.value).endswith(
        "next step: render it first: "
        "recipe run medqa-qlora --rehearse --set train.epochs=1 --from render"
    )
    with pytest.raises(RecipeError) as plain, asked.completing():
        raise RecipeError("Broken.", fix="mend it")
    assert plain.value.fix == "mend it"


@pytest.mark.parametrize(
    ("argv0", "words"),
    [
        ("/opt/x/.venv/bin/recipe", ["/opt/x/.venv/bin/recipe"]),
        ("/opt/x/orchestrator/__main__.py", None),
        ("pytest", ["recipe"]),
    ],
)
def test_the_program_is_named_so_that_a_shell_finds_it(
    argv0: str, words: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", [argv0])
    found = program.words()
    assert found == words if words else found[1:] == ["-m", "orchestrator"]


def test_the_program_on_the_path_is_called_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "recipe"
    script.write_text("#!/bin/sh\n", encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.argv", [str(script)])
    assert program.words() == ["recipe"]


@pytest.mark.parametrize(
    ("hint", "told"),
    [
        ("--from data", "LINE --from data"),
        (
            "correct these rows, or leave them out: --set data.max_rejects=3",
            "correct these rows, or leave them out: LINE --set data.max_rejects=3",
        ),
        (
            "check nvidia-smi, or rehearse on the CPU with --rehearse; then look",
            "check nvidia-smi, or rehearse on the CPU with LINE --rehearse; then look",
        ),
        (
            "--set expect.rows=null --set expect.test_rows=null",
            "LINE --set expect.rows=null --set expect.test_rows=null",
        ),
        ("leave it out: --set 'data.drop=[a, b]'", "leave it out: LINE --set 'data.drop=[a, b]'"),
        (
            "wait for it, or start another with --new",
            "wait for it, or start another with LINE --new",
        ),
        ("a: --set x=1\nb: --only-available", "a: LINE --set x=1\nb: LINE --only-available"),
        # What is a command, an option of another program or a word in a text stays.
        ("recipe env install xtuner@0.2.0", "recipe env install xtuner@0.2.0"),
        ("export HF_TOKEN=…, or use --hf_hub_token", "export HF_TOKEN=…, or use --hf_hub_token"),
        ("leave out --web", "leave out --web"),
        ("the setting a--set b", "the setting a--set b"),
    ],
)
def test_an_option_in_a_hint_becomes_the_whole_command(hint: str, told: str) -> None:
    asked = Request(recipe="medqa-qlora", params=("name=a b",), environ={})
    line = "recipe run medqa-qlora -p 'name=a b'"
    assert asked.completed(hint) == told.replace("LINE", line)


def test_a_command_in_a_hint_is_found_by_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "see recipe env list, ./recipe run x or my-recipe run x"
    assert program.pasteable(text) == text
    monkeypatch.setattr("sys.argv", ["/opt/x y/bin/recipe"])
    assert program.pasteable(text) == (
        "see '/opt/x y/bin/recipe' env list, ./recipe run x or my-recipe run x"
    )
