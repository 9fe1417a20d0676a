"""How many of XTuner's own configs can be said as a recipe: re-said, rendered, compared by key.

usage: python benchmarks/bench_xtuner_configs.py [FOLDER]   (a folder of configs; by default all
that XTuner 0.2.0 ships)

Every config that trains (it has a `train_dataloader`) is said as a recipe: first with the keys of
the schema alone, then with `engine_options` for what is left over. Both are rendered, loaded by
mmengine in XTuner's own environment, and compared in everything that XTuner reads. Models that
are no plain language models, preference and reward training are counted as not said.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestrator.base.process import capture
from orchestrator.engines import registry, xtuner
from orchestrator.engines.job import FoundSource, Job
from orchestrator.engines.xtuner.config import attempt
from orchestrator.envs.environment import Environment
from orchestrator.envs.install import ensure
from orchestrator.recipe.schema import Recipe

sys.path.insert(0, str(Path(__file__).parent))
from xtuner_config_said import Tree, last, said

RELEASE = registry.release("xtuner@0.2.0")
PROBE = Path(__file__).with_name("xtuner_configs_probe.py")
WANTED = 0.75
#: What XTuner and mmengine read of a config; all else are variables that these use.
READ = (
    *("tokenizer", "model", "train_dataloader", "optim_wrapper", "param_scheduler", "train_cfg"),
    *("custom_hooks", "default_hooks", "env_cfg", "visualizer", "log_level", "load_from"),
    *("resume", "randomness", "log_processor", "strategy", "runner_type", "framework"),
    *("use_varlen_attn", "sequence_parallel_size"),
)
#: What a config that leaves a key out means by that.
IMPLIED = {"sequence_parallel_size": 1, "use_varlen_attn": False}
VARLEN = "VarlenAttnArgsToMessageHubHook"
#: Libraries outside XTuner's own that its configs use: a recipe says that it trusts them.
FOREIGN = ("modelscope", "openmind")
PLAIN = "xtuner.model.SupervisedFinetune"


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    environment = ensure(RELEASE)
    with tempfile.TemporaryDirectory(prefix="bench-xtuner-configs-") as scratch:
        own = read(environment, Path(scratch), sorted(folder.rglob("*.py")) if folder else [])
        own = {name: tree for name, tree in own.items() if "train_dataloader" in tree}
        recipes = {name: said(tree, RELEASE.name) for name, tree in own.items()}
        alone = compared(environment, Path(scratch) / "alone", own, recipes)
        for name, tree in alone.items():
            if isinstance(tree, dict):
                recipes[name]["engine_options"] = dict(options(normal(own[name]), tree))
                recipes[name]["trust_code"] = list(FOREIGN)
        full = compared(environment, Path(scratch) / "full", own, recipes)
    figures = [sum(same(own[name], tree[name]) for name in own) for tree in (alone, full)]
    for words, count in zip(("the schema alone", "engine_options too"), figures, strict=True):
        print(f"{count} of {len(own)} configs ({count / len(own):.0%}) with {words}")
    for reason, count in reasons(own, full).most_common(12):
        print(f"{count:5}  {reason}")
    return 0 if figures[1] >= WANTED * len(own) else 1


def read(environment: Environment, scratch: Path, files: list[Path]) -> dict[str, Tree]:
    """The configs as mmengine reads them, by name."""
    scratch.mkdir(exist_ok=True)
    report = scratch / "report.json"
    argv = [str(environment.python), str(PROBE), str(report), *map(str, files)]
    done = capture(argv, env=environment.environ({}), cwd=scratch, timeout=500)
    if done.code:
        sys.exit(done.output)
    trees: dict[str, Tree] = json.loads(report.read_text(encoding="utf-8"))
    return trees


def compared(
    environment: Environment, scratch: Path, own: Mapping[str, Tree], recipes: Mapping[str, Tree]
) -> dict[str, Tree | str]:
    """What becomes of each recipe: the config as mmengine reads it, or why there is none."""
    scratch.mkdir()
    made: dict[str, Tree | str] = {}
    for number, (name, values) in enumerate(recipes.items()):
        model = own[name]["model"].get("type", {}).get("$ref", "")
        text = f"trains {model.rpartition('.')[2]}" if model != PLAIN else rendered(values)
        if isinstance(text, str):
            made[name] = text
        else:
            (scratch / f"{number}.py").write_text(text[0], encoding="utf-8")
            made[name] = {"file": str(scratch / f"{number}.py")}
    files = {tree["file"]: name for name, tree in made.items() if isinstance(tree, dict)}
    if files:
        for file, tree in read(environment, scratch, [Path(file) for file in files]).items():
            made[files[file]] = tree["error"] if "error" in tree else normal(tree)
    return made


def rendered(values: Tree) -> tuple[str] | str:
    """The config's text, or the first thing that stands against it."""
    try:
        recipe = Recipe.model_validate(values)
    except ValueError as error:
        return f"no recipe: {str(error).splitlines()[1]}"
    objections = xtuner.unsupported(recipe, RELEASE)
    if objections:
        return f"{objections[0].key}: {objections[0].what}"
    sources = tuple(FoundSource(source) for source in recipe.data.sources)
    job = Job(name="recipe", recipe=recipe, release=RELEASE, sources=sources)
    return (attempt(job)[0],)


def same(own: Tree, made: Tree | str) -> bool:
    return isinstance(made, dict) and not dict(options(normal(own), made))


def reasons(own: Mapping[str, Tree], made: Mapping[str, Tree | str]) -> Counter[str]:
    """Why configs are not said, in words: an objection, or the keys that differ."""
    told: Counter[str] = Counter()
    for name, tree in made.items():
        if isinstance(tree, str):
            told[tree] += 1
        elif not same(own[name], tree):
            told[
                f"differs in {', '.join(sorted(dict(options(normal(own[name]), tree))))}"[:150]
            ] += 1
    return told


def normal(tree: Tree) -> Tree:
    """What XTuner reads, with the model's place, files of rows and the tokenizer as words."""
    model = tree.get("pretrained_model_name_or_path") or tree["model"]["llm"].get(
        "pretrained_model_name_or_path"
    )

    def walk(value: Any, key: str) -> Any:
        if key == "pretrained_model_name_or_path" and value == model:
            return "MODEL"
        if isinstance(value, dict):
            if key == "tokenizer" and value == tree.get("tokenizer"):
                return "TOKENIZER"
            found = {inner: walk(deeper, inner) for inner, deeper in value.items()}
            return {**found, "data_files": "FILE"} if "data_files" in found else found
        return [walk(one, "") for one in value] if isinstance(value, list) else value

    found = {key: walk(tree[key], f"={key}") for key in READ if key in tree}
    if found.get("use_varlen_attn") and isinstance(found.get("custom_hooks"), list):
        # The switch brings this hook: it is no setting of its own.
        found["custom_hooks"] = [
            one for one in found["custom_hooks"] if last(one["type"]) != VARLEN
        ]
    return {**IMPLIED, **found}


def options(own: Any, made: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The engine_options that turn ``made`` into ``own``."""
    if own == made and type(own) is type(made):
        return
    mappings = isinstance(own, dict) and isinstance(made, dict) and "$ref" not in {**own, **made}
    if mappings and ("type" not in own or own["type"] == made.get("type")):
        for key in [*own, *(key for key in made if key not in own)]:
            place = f"{path}.{key}" if path else key
            if key not in own:
                yield place, {"$delete": True}
            elif key not in made:
                yield place, spoken(own[key])
            else:
                yield from options(own[key], made[key], place)
    elif isinstance(own, list) and isinstance(made, list) and path != "":
        for number, (one, other) in enumerate(zip(own, made, strict=False)):
            yield from options(one, other, f"{path}.{number}")
        for number in range(len(own), len(made)):
            yield f"{path}.{number}", {"$delete": True}
        if len(own) > len(made):
            yield f"{path}.+", [spoken(one) for one in own[len(made) :]]
    else:
        yield path, spoken(own)


def spoken(value: Any) -> Any:
    """A value of a config in the words of engine_options."""
    if isinstance(value, dict):
        return {key: spoken(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [spoken(one) for one in value]
    words = {
        "TOKENIZER": "tokenizer",
        "MODEL": "pretrained_model_name_or_path",
        "FILE": "data_path",
    }
    return {"$ref": words[value]} if isinstance(value, str) and value in words else value


if __name__ == "__main__":
    sys.exit(main())
