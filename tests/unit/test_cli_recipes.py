"""The verbs that read recipes, and completion, through the real command line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BROKEN = "title: x\nengine: xtuner@0.2.0\nmodel: {id: m, template: t}\ndatta: {}\n"


def run(*words: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orchestrator", *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **env},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=240,
    )


def width(text: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(one) in "WF") for one in text)


def test_list_is_aligned_and_sorted(tmp_path: Path) -> None:
    (tmp_path / "中文.yaml").write_text("extends: medqa-qlora\ntitle: 药物问答\n", encoding="utf-8")
    done = run("list", cwd=tmp_path, RECIPE_PATH=str(tmp_path))
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    names = [line.split()[0] for line in lines]
    assert names == sorted(names)
    assert {"medqa-qlora", "self-cognition-qlora", "中文"} <= set(names)
    engine = re.compile(r"\b\w+@\d")
    starts = [found.start() for line in lines if (found := engine.search(line))]
    assert len({width(line[:start]) for line, start in zip(lines, starts, strict=True)}) == 1
    assert lines[-1].split()[1:] == [
        *("xtuner@0.2.0", "medical", "answers", "en", "GPU", "16", "GB"),  # all inherited
        "药物问答",
    ]


def test_list_tells_a_faulty_recipe_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("title: [", encoding="utf-8")
    done = run("list", cwd=tmp_path, RECIPE_PATH=str(tmp_path))
    assert "has faults: recipe validate broken" in done.stdout
    assert "medqa-qlora" in done.stdout
    assert done.returncode == 0


def test_list_json(tmp_path: Path) -> None:
    rows = json.loads(run("list", "--json", cwd=tmp_path).stdout)
    medqa = next(row for row in rows if row["name"] == "medqa-qlora")
    assert medqa["engine"] == "xtuner@0.2.0"
    assert Path(medqa["path"]).is_file()
    assert not medqa["faulty"]


def test_list_needs_no_pydantic_and_no_schema(tmp_path: Path) -> None:
    code = (
        "import sys; from orchestrator.recipe.listing import listing; listing();"
        "print([m for m in ('pydantic', 'pydantic_core', 'orchestrator.recipe.schema')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_show_says_where_each_value_came_from(tmp_path: Path) -> None:
    done = run(
        "show", "medqa-qlora-0.1.9", "--all", "--set", "train.epochs=1", cwd=tmp_path,
        RECIPE_SET_TRAIN__GPUS="2",
    )  # fmt: skip
    lines = {line.split(":")[0]: line for line in done.stdout.splitlines()[1:]}
    assert "xtuner@0.1.9" in lines["engine"]
    assert "# recipe " in lines["engine"]
    assert "# parent " in lines["model.id"]
    assert lines["train.epochs"].endswith("# command line --set train.epochs")
    assert lines["train.gpus"].endswith("# environment RECIPE_SET_TRAIN__GPUS")
    assert lines["train.seed"].endswith("# default")


def test_show_json(tmp_path: Path) -> None:
    done = run("show", "self-cognition-qlora", "-p", "name=007", "--json", cwd=tmp_path)
    shown = json.loads(done.stdout)
    assert shown["values"]["data.sources.0.self_cognition.name"] == {
        "value": "007",
        "layer": "command line",
        "file": "-p name",
        "line": None,
        "text": "007",
    }
    assert len(shown["files"]) == 2


def test_new_writes_a_recipe_that_is_valid_and_equal_to_its_parent(tmp_path: Path) -> None:
    assert run("new", "mine", "--from", "medqa-qlora", cwd=tmp_path).returncode == 0
    assert run("validate", "mine.yaml", cwd=tmp_path).returncode == 0
    parent, child = (
        json.loads(run("show", name, "--json", cwd=tmp_path).stdout)["values"]
        for name in ("medqa-qlora", "mine.yaml")
    )
    differing = [key for key in parent if parent[key]["value"] != child[key]["value"]]
    assert differing == ["title"]


def test_the_comments_of_a_new_recipe_are_valid_once_uncommented(tmp_path: Path) -> None:
    run("new", "mine", "--from", "self-cognition-qlora", cwd=tmp_path)
    path = tmp_path / "mine.yaml"
    head, said = path.read_text(encoding="utf-8").rsplit("#\n", 1)
    body = "\n".join(line.removeprefix("# ") for line in said.splitlines())
    path.write_text(f"{head}\n{body}\n", encoding="utf-8")
    done = run("validate", "mine.yaml", cwd=tmp_path)
    assert done.stdout == "ok      mine.yaml\n"


def test_new_never_writes_over_a_file_unless_it_is_told_to(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("precious", encoding="utf-8")
    refused = run("new", "mine", "--from", "medqa-qlora", cwd=tmp_path)
    assert refused.returncode == 2
    assert "is there already" in refused.stderr
    assert path.read_text(encoding="utf-8") == "precious"
    assert run("new", "mine", "--from", "medqa-qlora", "-f", cwd=tmp_path).returncode == 0
    assert "extends: medqa-qlora" in path.read_text(encoding="utf-8")


def test_new_may_inherit_from_a_path(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    run("new", "parent", "--from", "medqa-qlora", cwd=tmp_path)
    assert run("new", "a/child", "--from", "./parent.yaml", cwd=tmp_path).returncode == 0
    assert "extends: ../parent.yaml\n" in (tmp_path / "a/child.yaml").read_text(encoding="utf-8")
    assert run("validate", "a/child.yaml", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("new", "a b", "--from", "medqa-qlora"), "cannot be the name of a recipe"),
        (("new", "x/y", "--from", "medqa-qlora"), "There is no folder x."),
        (("new", "x", "--from", "medqa"), "did you mean medqa-qlora"),
        (("show", "nothing-like-it"), "list` shows the recipes"),
        (("show", "medqa-qlora", "--set", "train.epoch=1"), "did you mean train.epochs?"),
    ],
)
def test_a_wrong_word_exits_2_and_says_what_to_do(
    tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_validate_checks_every_shipped_recipe_by_default(tmp_path: Path) -> None:
    done = run("validate", cwd=tmp_path)
    names = {path.stem for path in (ROOT / "recipes").glob("*.yaml")}
    ok = [line.removeprefix("ok      ") for line in done.stdout.splitlines() if line[:2] == "ok"]
    assert set(ok) == names
    assert done.returncode == 0


def test_validate_tells_all_faults_of_all_and_exits_2(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(BROKEN, encoding="utf-8")
    done = run("validate", "one.yaml", "medqa-qlora", "nope", cwd=tmp_path)
    assert done.returncode == 2
    assert "one.yaml:4:1  datta: there is no such key — did you mean data?" in done.stdout
    assert "one.yaml:1:1  data: is required, but missing" in done.stdout
    assert "ok      medqa-qlora" in done.stdout
    assert "There is no recipe called 'nope'." in done.stdout
    assert "2 of 3 recipes have faults: one.yaml, nope." in done.stderr


def test_validate_json(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(BROKEN, encoding="utf-8")
    done = run("validate", "one.yaml", "medqa-qlora", "--json", cwd=tmp_path)
    one, medqa = json.loads(done.stdout)
    assert (one["valid"], medqa["valid"], done.returncode) == (False, True, 2)
    assert one["faults"][1]["meant"] == "data"
    assert medqa["faults"] == []


def test_schema_is_json(tmp_path: Path) -> None:
    made = json.loads(run("schema", cwd=tmp_path).stdout)
    assert made["properties"]["extends"]["type"] == "string"


@pytest.mark.parametrize(("shell", "part"), [("bash", "complete -o"), ("zsh", "#compdef recipe"), ("fish", "complete --no-files")])  # noqa: E501  # fmt: skip
def test_completion_code_is_printed(tmp_path: Path, shell: str, part: str) -> None:
    done = run("completion", shell, cwd=tmp_path)
    assert done.returncode == 0
    assert part in done.stdout
    assert "_RECIPE_COMPLETE" in done.stdout
