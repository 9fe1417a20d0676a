"""Words that no verb knows: exit code 2, what is wrong, and a line that can be pasted."""

from __future__ import annotations

import os
import shlex
import socket
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.names import as_name, is_name
from orchestrator.cli import LazyGroup, cli
from orchestrator.cli.groups import PassesOn

VALID = "extends: medqa-qlora\ntitle: mine\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    return tmp_path


def refused(*words: str) -> RecipeError:
    """The usage error that these words end in."""
    with pytest.raises(UsageError) as caught:
        cli.main(list(words), prog_name="recipe", standalone_mode=False)
    assert caught.value.exit_code == 2
    return caught.value


def ran(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words), prog_name="recipe")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("rnu medqa-qlora --rehearse", "recipe run medqa-qlora --rehearse"),
        ("lst", "recipe list"),
        ("valdate mine.yaml", "recipe validate mine.yaml"),
        ("env instal xtuner@0.2.0", "recipe env install xtuner@0.2.0"),
        ("env docter", "recipe env doctor"),
        ("dataset regster x.json --into y", "recipe dataset register x.json --into y"),
    ],
)
def test_a_verb_that_is_none_names_the_nearest(words: str, meant: str) -> None:
    error = refused(*words.split())
    assert "There is no verb" in error.what
    assert error.fix == f"did you mean: {meant}"


def test_a_verb_like_no_other_points_at_the_list() -> None:
    assert refused("frobnicate").fix == "`recipe -h` lists the verbs"


def passing() -> list[str]:
    """The verbs that hand words on to an engine."""
    group = LazyGroup()
    context = click.Context(group)
    names = group.list_commands(context)
    return [n for n in names if isinstance(group.get_command(context, n), PassesOn)]


def test_these_verbs_pass_words_on() -> None:
    assert set(passing()) == {"run", "plan", "chat", "serve"}


@pytest.mark.parametrize("verb", passing())
@pytest.mark.parametrize("extra", [["b"], ["b", "c d"], ["''"]])
def test_extra_words_are_no_engine_arguments(verb: str, extra: list[str]) -> None:
    error = refused(verb, "a", *extra)
    assert f"recipe {verb} takes no more words" in error.what
    line = str(error.fix).removeprefix("did you mean: ")
    assert shlex.split(line) == ["recipe", verb, "a", "--", *extra]


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("run a rehearse", "recipe run a --rehearse"),
        ("run a name=Ann", "recipe run a -p name=Ann"),
        ("run a --rehearse train.epochs=1", "recipe run a --rehearse --set train.epochs=1"),
        ("plan a b -- c", "recipe plan a -- b c"),
        ("run a b --until data", "recipe run a --until data -- b"),
    ],
)
def test_a_word_that_lacks_its_option_is_guessed(words: str, meant: str) -> None:
    assert str(refused(*words.split()).fix).removeprefix("did you mean: ").split() == meant.split()


def test_words_after_the_dashes_reach_the_engine_as_they_are() -> None:
    @click.command(cls=PassesOn)
    @click.argument("name")
    @click.option("--flag", is_flag=True)
    def verb(**given: object) -> None:
        click.echo(repr(given))

    said = CliRunner().invoke(verb, ["a", "--", "--flag", "b c", "--", "-x"])
    assert said.output.strip() == repr(
        {"name": "a", "flag": False, "engine_arguments": ("--flag", "b c", "--", "-x")}
    )
    assert "[-- ENGINE_ARGUMENTS...]" in CliRunner().invoke(verb, ["--help"]).output


@pytest.mark.parametrize(
    "words",
    [
        "show none.yaml",
        "validate none.yaml",
        "plan none.yaml",
        "run none.yaml",
        "render none.yaml -o pack",
        "new x --from none.yaml",
        "status none",
        "logs none",
        "chat none",
        "serve none",
        "dataset register none.json --into .",
        "run medqa-qlora --set data.sources.0.path=none.xlsx",
        "run medqa-qlora --run none",
        "run medqa-qlora --until none",
        "show medqa-qlora too-many",
        "show medqa-qlora --no-such-option",
        "env install none@1",
        "completion tcsh",
    ],
)
def test_what_is_not_there_is_a_usage_error_in_every_verb(words: str) -> None:
    with pytest.raises((RecipeError, click.ClickException)) as caught:
        cli.main(words.split(), prog_name="recipe", standalone_mode=False)
    assert caught.value.exit_code == 2  # type: ignore[union-attr]


def test_an_option_that_is_none_names_the_nearest() -> None:
    assert "--rehearse" in ran("run", "medqa-qlora", "--rehearze").output


# Files that are none


@pytest.fixture
def odd_files(here: Path) -> Path:
    """A folder of recipes with everything in it that no recipe can be."""
    os.mkfifo(here / "fifo.yaml")
    (here / "folder.yaml").mkdir()
    (here / "gone.yaml").symlink_to("nowhere")
    (here / "null.yaml").symlink_to("/dev/null")
    (here / "loop.yaml").symlink_to("loop.yaml")
    server = socket.socket(socket.AF_UNIX)
    server.bind("socket.yaml")
    server.close()
    with (here / "huge.yaml").open("wb") as stream:
        stream.truncate(1 << 40)
    (here / "good.yaml").write_text(VALID, encoding="utf-8")
    return here


def test_only_regular_files_are_recipes(odd_files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old listing waited for ever for the FIFO's writer."""
    monkeypatch.setenv("RECIPE_PATH", str(odd_files))
    done = ran("list")
    names = [line.split()[0] for line in done.output.splitlines()]
    assert {"good", "huge", "medqa-qlora"} <= set(names)
    assert not {"fifo", "folder", "gone", "null", "loop", "socket"} & set(names)
    assert "has faults: recipe validate huge" in done.output
    assert "larger than 1000000 bytes" in str(refused("show", "huge"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("fifo.yaml", "a pipe"),
        ("socket.yaml", "a socket"),
        ("null.yaml", "a device"),
        ("folder.yaml", "a folder"),
    ],
)
def test_what_stands_there_instead_is_said(odd_files: Path, name: str, kind: str) -> None:
    error = refused("show", name)
    assert error.what == f"{name} is {kind}, not a recipe file."
    assert "did you mean" not in str(error.fix)


@pytest.mark.parametrize("name", ["gone.yaml", "loop.yaml", "fif.yaml"])
def test_a_file_is_never_proposed_as_itself(odd_files: Path, name: str) -> None:
    error = refused("show", name)
    assert error.what == f"There is no recipe file {name}."
    assert f"mean {name}?" not in str(error.fix)


# Names, and the folder of the runs


@pytest.mark.parametrize(
    "name", ["..yaml", ".yaml", "...yaml", "a b.yaml", "-x.yaml", "a\nb.yaml", "a$b.yaml", "~.yaml"]
)
@pytest.mark.parametrize("verb", ["run", "plan", "show"])
def test_a_name_that_runs_cannot_have_is_refused_everywhere(verb: str, name: str) -> None:
    Path(name).write_text(VALID, encoding="utf-8")
    error = refused(verb, f"./{name}")
    assert "cannot be the name of a recipe" in error.what
    assert shlex.split(str(error.fix))[:2] == ["mv", "--"]
    moved = shlex.split(str(error.fix))[2:]
    Path(moved[0]).rename(moved[1])
    assert ran("show", f"./{moved[1]}").exit_code == 0
    assert not Path("runs").exists()


def test_the_list_says_which_file_to_look_at(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "a b.yaml").write_text(VALID, encoding="utf-8")
    monkeypatch.setenv("RECIPE_PATH", str(here))
    assert "has faults: recipe validate './a b.yaml'" in ran("list").output


@pytest.mark.parametrize("text", ["../../x", "a/../..", "", ".", "..", "-", "a" * 500, "中 文"])
def test_what_is_no_name_becomes_one(text: str) -> None:
    assert not is_name(text)
    assert is_name(as_name(text))


@pytest.mark.parametrize("name", ["medqa-qlora", "medqa-qlora-0.1.9", "中文", "a_b.c", "7"])
def test_names_of_any_script_are_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["../x", "../../x.yaml", "sub/../../x", "/nowhere-at-all/x"])
def test_new_writes_into_no_other_folder(here: Path, name: str) -> None:
    inner = here / "inner"
    inner.mkdir()
    os.chdir(inner)
    error = refused("new", name, "--from", "medqa-qlora")
    assert "leads out of this folder" in error.what
    assert str(error.fix).startswith("cd ")
    assert [path for path in here.rglob("*") if path.is_file()] == []


def test_new_follows_no_link_out_of_the_folder(here: Path) -> None:
    for folder in ("inner", "outer"):
        (here / folder).mkdir()
    (here / "inner" / "link").symlink_to(here / "outer")
    os.chdir(here / "inner")
    assert "leads out" in refused("new", "link/x", "--from", "medqa-qlora").what


def test_new_may_write_below_and_into_the_users_own_recipes(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("inner", "inner/sub", "mine"):
        (here / folder).mkdir()
    os.chdir(here / "inner")
    monkeypatch.setenv("RECIPE_PATH", str(here / "mine"))
    assert ran("new", "sub/x", "--from", "medqa-qlora").exit_code == 0
    assert ran("new", str(here / "mine" / "y"), "--from", "medqa-qlora").exit_code == 0
    assert (here / "mine" / "y.yaml").is_file()


# What files say is printed, never obeyed


@pytest.mark.parametrize("code", ["\\e[31m", "\\e]0;x\\a", "\\x9b31m", "\\r", "\\b", "\\u202e"])
def test_codes_in_a_recipe_never_reach_the_terminal(
    here: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    text = f'extends: medqa-qlora\ntitle: "a{code}b"\ntask: "{code}"\nsource: "{code}"\n'
    (here / "odd.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("RECIPE_PATH", str(here))
    for words in (
        *(["list"], ["list", "--json"], ["show", "odd"], ["show", "odd", "--json"]),
        *(["plan", "odd", "--rehearse"], ["new", "child", "--from", "odd"], ["validate", "odd"]),
    ):
        said = ran(*words)
        assert said.exit_code == 0, said.output
        assert all(char.isprintable() or char == "\n" for char in said.output), words


@pytest.mark.parametrize("more", [[], ["--all"], ["--json"]])
def test_show_hides_the_password_of_an_address(more: list[str]) -> None:
    url = "https://me:pa55word@example.com/rows.xlsx?token=abc123"
    said = ran("show", "medqa-qlora", "--set", f"data.sources.0.url={url}", *more).output
    assert "example.com/rows.xlsx" in said
    assert "pa55word" not in said
    assert "abc123" not in said


# The list in a terminal of any width


@pytest.mark.parametrize("room", [40, 60, 80, 120])
def test_the_list_breaks_no_word(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    whole = {word for line in ran("list").output.splitlines() for word in line.split()}
    monkeypatch.setenv("COLUMNS", str(room))
    lines = ran("list").output.splitlines()
    assert {word for line in lines for word in line.split()} - {"·"} <= whole
    assert all(len(line) <= room for line in lines)


def test_a_wide_list_has_a_line_a_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    lines = ran("list").output.splitlines()
    assert len(lines) == len(list((Path(__file__).parents[2] / "recipes").glob("*.yaml")))


def test_every_shipped_recipe_tells_task_language_and_gpu() -> None:
    from orchestrator.recipe.listing import listing

    for recipe in listing():
        assert recipe.task, recipe.name
        assert recipe.language, recipe.name
        assert recipe.needs.get("gpu_gb"), recipe.name
        assert recipe.needs.get("disk_gb"), recipe.name
