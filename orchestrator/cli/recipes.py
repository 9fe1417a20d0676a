"""The verbs that read recipes: list, show, new, validate, schema."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from orchestrator.base.errors import UsageError
from orchestrator.base.language import say
from orchestrator.base.names import is_name
from orchestrator.base.text import one_line, quoted
from orchestrator.cli.completing import RecipeName
from orchestrator.cli.options import json_option, param_option, set_option
from orchestrator.cli.output import echo, echo_json
from orchestrator.cli.table import columns, terminal_width, width, wrapped

if TYPE_CHECKING:
    from orchestrator.recipe.listing import Listed
    from orchestrator.recipe.load import Loaded
    from orchestrator.recipe.params import Parameter


@click.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the recipes that can be run: the shipped ones and those in RECIPE_PATH."""
    from orchestrator.recipe.listing import listing

    recipes = listing()
    if as_json:
        echo_json([_listed_json(recipe) for recipe in recipes])
        return
    table = columns([_line(recipe) for recipe in recipes])
    room = terminal_width()
    if room is not None and any(width(line) > room for line in table):
        table = [line for recipe in recipes for line in _block(recipe, room)]
    echo("\n".join(table))


def _listed_json(recipe: Listed) -> dict[str, Any]:
    required = {param.name: _param_json(param) for param in recipe.required}
    return {**vars(recipe), "path": str(recipe.path), "required": required}


def _param_json(param: Parameter) -> dict[str, Any]:
    keys = ("key", "required", "example", "about")
    return {key: getattr(param, key) for key in keys}


def _line(recipe: Listed) -> tuple[str, ...]:
    """What a list tells of a recipe: name, engine, task, language, needs, title."""
    if recipe.faulty:
        name = recipe.name if is_name(recipe.name) else quoted(f"./{os.path.relpath(recipe.path)}")
        advice = say("has faults", "有错误")
        return one_line(recipe.name), recipe.engine, "", "", "", f"{advice}: recipe validate {name}"
    cells = (
        recipe.name,
        recipe.engine,
        recipe.task or "-",
        recipe.language or "-",
        _needs(recipe),
        recipe.title,
    )
    return tuple(one_line(cell) for cell in cells)


def _needs(recipe: Listed) -> str:
    """The GPU, and the words that the command must have: "GPU 8 GB, -p name=…"."""
    gpus, memory = recipe.needs.get("gpus", 1), recipe.needs.get("gpu_gb")
    gpu = f"{gpus} GPUs" if gpus != 1 else "GPU"
    words = [f"{gpu} {memory} GB" if memory else gpu if "gpus" in recipe.needs else "-"]
    return ", ".join(words + [f"-p {param.name}=…" for param in recipe.required])


def _block(recipe: Listed, room: int) -> list[str]:
    """The same in lines that fit: the name, then the title, then the rest."""
    name, *facts, title = _line(recipe)
    rest = " · ".join(fact for fact in facts if fact.strip("-"))
    return [name, *wrapped(title, room, "    "), *wrapped(rest, room, "    ")]


@click.command()
@click.argument("recipe", type=RecipeName())
@set_option
@param_option
@click.option(
    "--all/--changed",
    "everything",
    default=None,
    help="Print the defaults as well, or only what somebody set (as without either).",
)
@json_option
def show(
    recipe: str,
    sets: tuple[str, ...],
    params: tuple[str, ...],
    everything: bool | None,
    as_json: bool,
) -> None:
    """Print what RECIPE says and where each value came from; --all adds the defaults."""
    from orchestrator.base.secrets import redacted, without_secrets
    from orchestrator.planning.feasible import load
    from orchestrator.recipe.dump import one_line as as_yaml

    loaded = load(recipe, sets=sets, params=params, complete=False)
    whole = as_json if everything is None else everything
    values = {
        key: None if origin.layer == "required" else value
        for (key, value), origin in zip(
            loaded.values().items(), loaded.provenance.values(), strict=True
        )
        if whole or origin.layer != "default"
    }
    if as_json:
        echo_json(without_secrets(_shown(loaded, values)))
        return
    echo(f"# {loaded.name}: {' <- '.join(str(file) for file in loaded.files)}")
    for param in loaded.missing:
        about = f" ({param.about})" if param.about else ""
        echo(f"# {say('a run needs', '运行时须给出')} {param.word}{about}")
    rows = [(f"{key}:", as_yaml(values[key]), f"# {loaded.provenance[key]}") for key in values]
    echo(redacted("\n".join(columns(rows, limit=48))))
    hidden = len(loaded.provenance) - len(values)
    if hidden:
        echo(say(f"# {hidden} more values are defaults: --all", f"# 另有 {hidden} 个默认值：--all"))


def _shown(loaded: Loaded, values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": loaded.name,
        "path": str(loaded.path),
        "files": [str(file) for file in loaded.files],
        "params": {
            name: {**_param_json(param), "missing": param in loaded.missing}
            for name, param in loaded.params.items()
        },
        "values": {
            key: {"value": value, **vars(loaded.provenance[key])} for key, value in values.items()
        },
    }


@click.command()
@click.argument("name")
@click.option("--from", "parent", type=RecipeName(), required=True, help="The recipe to inherit.")
@click.option("-f", "--force", is_flag=True, help="Write over a file that is there.")
def new(name: str, parent: str, force: bool) -> None:
    """Write NAME.yaml, which inherits a recipe and says only what differs."""
    from orchestrator.recipe.new import write_child

    path, missing = write_child(name, parent, force=force)
    named = quoted(str(path))
    run = " ".join([f"recipe run {named} --rehearse", *(param.word for param in missing)])
    echo(f"{say('wrote', '已写入')} {path}")
    edit, then = say("next: edit it, then", "下一步：编辑它，然后"), say("and", "和")
    echo(f"{edit}  recipe validate {named}  {then}  {run}")


@click.command()
@click.argument("recipes", nargs=-1, type=RecipeName())
@json_option
def validate(recipes: tuple[str, ...], as_json: bool) -> None:
    """Report every fault of RECIPES (names or files; all that `recipe list` shows by default)."""
    from orchestrator.recipe.find import recipe_files

    verdicts = [_verdict(name) for name in recipes or tuple(recipe_files())]
    _tell(verdicts, as_json)


def _verdict(name: str) -> dict[str, Any]:
    from orchestrator.planning.feasible import load
    from orchestrator.planning.model_fit import warnings
    from orchestrator.recipe.faults import RecipeFaults

    try:
        doubts = warnings(load(name, complete=False))
    except RecipeFaults as error:
        faults = [fault.as_json() for fault in error.faults]
        return _faulty(name, faults, str(error))
    except UsageError as error:
        return _faulty(name, [{"what": error.what, "why": error.fix}], str(error))
    found = [doubt.as_json() for doubt in doubts]
    lines = "".join(f"\n  {say('warning', '注意')}: {doubt}" for doubt in doubts)
    return {
        **{"recipe": name, "valid": True, "faults": [], "warnings": found},
        "text": f"{say('ok     ', '通过')} {name}{lines}",
    }


def _faulty(name: str, faults: list[dict[str, Any]], text: str) -> dict[str, Any]:
    return {
        **{"recipe": name, "valid": False, "faults": faults, "warnings": []},
        "text": f"{say('faulty ', '有错误')} {name}\n{text}",
    }


def _tell(verdicts: list[dict[str, Any]], as_json: bool) -> None:
    texts = [verdict.pop("text") for verdict in verdicts]
    if as_json:
        echo_json(verdicts)
    else:
        for text in texts:
            echo(text)
    faulty = [verdict["recipe"] for verdict in verdicts if not verdict["valid"]]
    if faulty:
        names = ", ".join(faulty)
        raise UsageError(
            say(
                f"{len(faulty)} of {len(texts)} recipes have faults: {names}.",
                f"{len(texts)} 个配方中有 {len(faulty)} 个有错误：{names}。",
            )
        )


@click.command()
def schema() -> None:
    """Print the JSON Schema of a recipe file, for an editor that completes and checks it."""
    from orchestrator.recipe.schema import json_schema

    echo_json(json_schema())
