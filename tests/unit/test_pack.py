"""Homework packs: the same bytes every time, rows without `recipe`, and nothing overwritten."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.base.paths import shipped_recipes_dir
from orchestrator.planning import pack

#: The shipped sample stands in for the tutorial's workbook, whose checksum it cannot have.
SETS = ("data.sources.0.sha256=null", "data.sources.0.url=null", "expect=null")
WORKBOOK = "MedQA2019.xlsx"


def rendered(folder: Path, recipe: str = "medqa-qlora") -> list[str]:
    return pack.write(recipe, folder, sets=SETS)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder: no workbook lies about."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def put_workbook(folder: Path) -> None:
    shutil.copy(shipped_recipes_dir() / "data" / "medqa-sample.xlsx", folder / WORKBOOK)


@pytest.mark.parametrize("recipe", ["medqa-qlora", "medqa-lora-llamafactory"])
def test_the_packs_own_script_makes_the_rows_that_recipe_makes(
    elsewhere: Path, tmp_path: Path, recipe: str
) -> None:
    by_script, by_recipe = tmp_path / "script", tmp_path / "recipe"
    assert "make_data.py" in rendered(by_script, recipe)
    put_workbook(by_script)
    subprocess.run([sys.executable, "make_data.py"], cwd=by_script, check=True, timeout=240)
    put_workbook(elsewhere)
    assert "data/train.jsonl" in rendered(by_recipe, recipe)
    for name in ("data/train.jsonl", "data/test.jsonl"):
        assert (by_script / name).read_bytes() == (by_recipe / name).read_bytes()


def test_the_script_names_the_cell_that_is_empty(elsewhere: Path, tmp_path: Path) -> None:
    import openpyxl

    rendered(tmp_path / "pack")
    put_workbook(tmp_path / "pack")
    book = openpyxl.load_workbook(tmp_path / "pack" / WORKBOOK)
    book["DrugQA"]["D3"] = None
    book.save(tmp_path / "pack" / WORKBOOK)
    done = subprocess.run(
        [sys.executable, "make_data.py"],
        cwd=tmp_path / "pack",
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode != 0
    assert "DrugQA 3" in done.stderr
    assert not (tmp_path / "pack" / "data" / "train.jsonl").exists()


def test_rendering_twice_gives_the_same_bytes(elsewhere: Path, tmp_path: Path) -> None:
    put_workbook(elsewhere)
    rendered(tmp_path / "one")
    rendered(tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    rendered(tmp_path / "one")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_an_edited_file_is_never_overwritten_unasked(elsewhere: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    rendered(folder)
    (folder / "config.py").write_text("# mine\n", encoding="utf-8")
    with pytest.raises(UsageError, match="would change") as raised:
        rendered(folder)
    assert raised.value.where == "config.py"
    assert (folder / "config.py").read_text(encoding="utf-8") == "# mine\n"
    pack.write("medqa-qlora", folder, sets=SETS, force=True)
    assert "mine" not in (folder / "config.py").read_text(encoding="utf-8")


def test_commands_are_valid_shell_and_fetch_the_model_once(elsewhere: Path, tmp_path: Path) -> None:
    rendered(tmp_path / "pack")
    script = tmp_path / "pack" / "commands.sh"
    subprocess.run(["bash", "-n", str(script)], check=True, timeout=240)
    text = script.read_text(encoding="utf-8")
    assert "modelscope download --model Shanghai_AI_Laboratory/internlm-chat-7b" in text
    assert "python make_data.py" in text
    assert str(tmp_path) not in text


def test_rejected_rows_that_stop_a_pack_are_kept(tmp_path: Path) -> None:
    """The error names a file that is there: the pack itself is made in a folder that goes."""
    rows = tmp_path / "rows.json"
    rows.write_text('[{"instruction": "q", "output": ""}, {"instruction": "q", "output": "a"}]')
    source = f"data.sources=[{{path: {rows}}}]"
    with pytest.raises(RecipeError) as caught:
        pack.write("ruozhiba-qlora", tmp_path / "pack", sets=[source, "expect=null"])
    named = re.search(r"in (\S+rejected\S*)", str(caught.value))
    assert named is not None, caught.value
    kept = Path(named[1].rstrip("."))
    assert kept.is_relative_to(tmp_path / "pack")
    assert '"q"' in kept.read_text(encoding="utf-8")
