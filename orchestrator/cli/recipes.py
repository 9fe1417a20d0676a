"""The verbs that read recipes: list, show, new, validate, schema."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from orchestrator.base.errors import UsageError
from orchestrator.cli.options import RecipeName, json_option, param_option, set_option

if TYPE_CHECKING:
    from orchestrator.recipe.load import Loaded


@click.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the recipes that can be run: the shipped ones and those in RECIPE_PATH."""
    from orchestrator.recipe.listing import listing

    found = listing()
    if as_json:
        _echo_json(
            [
                {
                    "name": one.name,
                    "engine": one.engine,
                    "title": one.title,
                    "path": str(one.path),
                    "faulty": one.faulty,
                }
                for one in found
            ]
        )
        return
    faulty = "has faults: recipe validate"
    rows = [
        (one.name, one.engine, f"{faulty} {one.name}" if one.faulty else one.title) for one in found
    ]
    click.echo("\n".join(_columns(rows)))


@click.command()
@click.argument("recipe", type=RecipeName())
@set_option
@param_option
@json_option
def show(recipe: str, sets: tuple[str, ...], params: tuple[str, ...], as_json: bool) -> None:
    """Print every value of RECIPE and where it came from."""
    from orchestrator.planning.feasible import load
    from orchestrator.recipe.dump import one_line

    loaded = load(recipe, sets=sets, params=params)
    values = loaded.values()
    if as_json:
        _echo_json(_shown(loaded, values))
        return
    click.echo(f"# {loaded.name}: {' <- '.join(str(file) for file in loaded.files)}")
    rows = [
        (f"{key}:", one_line(values[key]), f"# {one}") for key, one in loaded.provenance.items()
    ]
    click.echo("\n".join(_columns(rows, limit=48)))


def _shown(loaded: Loaded, values: Mapping[str, Any]) -> dict[str, Any]:
    origins = {key: vars(origin) for key, origin in loaded.provenance.items()}
    return {
        "name": loaded.name,
        "path": str(loaded.path),
        "files": [str(file) for file in loaded.files],
        "values": {key: {"value": values[key], **origin} for key, origin in origins.items()},
    }


@click.command()
@click.argument("name")
@click.option("--from", "parent", type=RecipeName(), required=True, help="The recipe to inherit.")
@click.option("-f", "--force", is_flag=True, help="Write over a file that is there.")
def new(name: str, parent: str, force: bool) -> None:
    """Write NAME.yaml, which inherits a recipe and says only what differs."""
    from orchestrator.recipe.new import write_child

    path = write_child(name, parent, force=force)
    click.echo(f"wrote {path}")
    click.echo(f"next: edit it, then  recipe validate {path}  and  recipe run {path} --rehearse")


@click.command()
@click.argument("recipes", nargs=-1, type=RecipeName())
@json_option
def validate(recipes: tuple[str, ...], as_json: bool) -> None:
    """Report every fault of RECIPES (names or files; all that `recipe list` shows by default)."""
    from orchestrator.recipe.find import recipe_files

    told = [_verdict(name) for name in recipes or tuple(recipe_files())]
    _tell(told, as_json)


def _verdict(name: str) -> dict[str, Any]:
    from orchestrator.planning.feasible import load
    from orchestrator.recipe.faults import RecipeFaults

    try:
        load(name)
    except RecipeFaults as error:
        faults = [one.as_json() for one in error.faults]
        return {"recipe": name, "valid": False, "faults": faults, "text": str(error)}
    except UsageError as error:
        faults = [{"what": error.what, "why": error.fix}]
        return {"recipe": name, "valid": False, "faults": faults, "text": str(error)}
    return {"recipe": name, "valid": True, "faults": [], "text": ""}


def _tell(told: list[dict[str, Any]], as_json: bool) -> None:
    texts = [(one["recipe"], one.pop("text")) for one in told]
    if as_json:
        _echo_json(told)
    else:
        for name, text in texts:
            click.echo(f"faulty  {name}\n{text}" if text else f"ok      {name}")
    faulty = [name for name, text in texts if text]
    if faulty:
        raise UsageError(f"{len(faulty)} of {len(texts)} recipes have faults: {', '.join(faulty)}.")


@click.command()
def schema() -> None:
    """Print the JSON Schema of a recipe file, for an editor that completes and checks it."""
    from orchestrator.recipe.schema import json_schema

    _echo_json(json_schema())


def _echo_json(value: object) -> None:
    import json

    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _columns(rows: Sequence[tuple[str, ...]], limit: int = 60) -> list[str]:
    """Rows with aligned columns. A cell wider than ``limit`` cells pushes only its own row."""
    columns = zip(*rows, strict=True)
    widths = [max(min(_width(cell), limit) for cell in column) for column in columns]
    return ["  ".join(map(_padded, row, widths)).rstrip() for row in rows]


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(text: str) -> int:
    """Cells on a terminal: Chinese characters take two."""
    return sum(1 + (unicodedata.east_asian_width(one) in "WF") for one in text)
