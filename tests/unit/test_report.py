"""The report of a run: what is in it, what never is, and that no figure of it can be changed."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.base.errors import RecipeError, UsageError
from orchestrator.report import chart, page, run_report
from orchestrator.report.learnt import POINTS, thinned
from orchestrator.report.private import shareable, shareable_values
from orchestrator.report.summary import summary
from orchestrator.report.verify import verify
from tests.support import training
from tests.support.told import Told
from tests.support.training import LOSSES, PROMPTS

RUN = ("run", "small.yaml", "--rehearse")
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> {{ 7*7 }} \x1b[31m`|*"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One finished rehearsal with words that want to be markup. Copy it, never change it."""
    told = Told(
        tmp_path_factory.mktemp("report"),
        text=training.log(memory=8032).replace("after 1", HOSTILE),
    )
    done = told.piped(*RUN, "--set", f"title={HOSTILE[:60]}", "--set", "train.epochs=2")
    assert done.returncode == 0, done.stderr
    return told.run


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy, under another name, in another place: as a teacher has it."""
    return Path(shutil.copytree(finished, tmp_path / "handed in", symlinks=True))


def edited(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    value = json.loads(path.read_text(encoding="utf-8"))
    change(value)
    path.write_text(json.dumps(value), encoding="utf-8")


# ---------------------------------------------------------------- what is in it


def test_everything_about_the_run(run: Path) -> None:
    found = summary(run)
    assert found["rehearsal"] is True
    assert found["settings"]["model"] == "some/model-7b"
    assert found["rows"]["read"] == found["rows"]["written"] == 24
    assert (found["rows"]["train_rows"], found["rows"]["rehearsed_rows"]) == (12, 12)
    assert [point[1] for point in found["loss"]["points"]] == list(LOSSES)
    assert [one["prompt"] for one in found["answers"]] == list(PROMPTS)
    assert found["answers"][0]["before"]["text"] == "before 0"
    memory = found["memory"]
    assert (memory["peak"], memory["engine"]) == (8032 * 2**20, 8032 * 2**20)
    assert (memory["stages"], memory["estimated"]) == ({}, {})  # nothing is known of this model
    assert [stage["name"] for stage in found["stages"]][-1] == "merge"
    assert "train.epochs=2" in found["differences"]["set"]
    assert any("train.method: qlora" in text for text in found["differences"]["rehearsal"])
    assert "xtuner train config.py --work-dir work" in found["commands"]
    assert {"adapter", "merged", "work"} == set(found["sizes"])
    assert any(one["name"] == "config.py" and one["digest"] for one in found["files"])
    assert {"stage": "check", "text": "few steps"} in found["warnings"]


def test_memory_as_the_driver_counted_it(run: Path) -> None:
    peak = {"bytes": 18 * 2**30, "gpu": "NVIDIA A100", "gpus": 2, "when": "2026-01-01"}
    merging = {"gpu": 14 * 2**30, "host": 12 * 2**30}
    thought = {"gpus": 2, "stages": {"train": {"gpu": 20 * 2**30, "host": None}, "merge": merging}}

    def measured(value: dict[str, Any]) -> None:
        value["stages"][4]["facts"].update(gpu_peak=peak)
        value["estimate"] = thought

    edited(run / "run.json", measured)
    found = summary(run)
    assert found["memory"]["estimated_peak"] == 20 * 2**30
    for figure in ("20.0 GiB", "14.0 GiB", "12.0 GiB", "2 × NVIDIA A100"):
        assert figure in run_report.texts(found)["html"]
    assert "20.0 GiB" in run_report.texts(found)["md"]
    assert found["memory"]["peak"] == 18 * 2**30
    assert "gpu" not in found["stages"][4]["figures"]
    assert "18.0 GiB" in run_report.texts(found)["html"]
    assert "NVIDIA A100" in run_report.texts(found)["html"]


def test_the_page_is_whole_small_and_quick(run: Path) -> None:
    begin = time.monotonic()
    places = run_report.write(run)
    assert time.monotonic() - begin < 2
    html = places["html"].read_text(encoding="utf-8")
    assert len(html.encode()) < 400_000
    assert page.data_in(html) == page.plain(summary(run))
    assert json.loads(places["json"].read_text(encoding="utf-8")) == page.plain(summary(run))
    for text in ("REHEARSAL, not a run", "这是预演", "7.5416", "before 0", "few steps", "<svg"):
        assert text in html, text
    markdown = places["md"].read_text(encoding="utf-8")
    for text in ("REHEARSAL, not a run", "预演", "| 1 | 7.5416 |", "few steps"):
        assert text in markdown, text


def test_text_of_a_model_stays_text(run: Path) -> None:
    texts = run_report.texts(summary(run))
    html = texts["html"]
    assert "<img" not in html
    assert "alert(1)</script>" not in html
    assert html.count("<script") == 2
    assert "{{ 7*7 }}" in html  # as it was said, and not 49
    for text in texts.values():
        assert "\x1b" not in text
    prose = [line for line in texts["md"].splitlines() if not line.startswith("    ")]
    assert "<img" not in "\n".join(prose).replace("\\<img", "")


def test_a_page_asks_no_network(run: Path) -> None:
    html = run_report.texts(summary(run))["html"]
    assert "default-src 'none'" in html
    assert not re.search(r"\b(?:fetch|XMLHttpRequest|WebSocket|import)\s*\(|url\(|@import", html)
    links: list[str | None] = []

    class Links(HTMLParser):
        def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
            links.extend(value for name, value in attrs if name in ("src", "href", "action"))

    Links().feed(html)
    assert links == ["data:,"]


def test_the_same_run_gives_the_same_bytes_elsewhere(
    finished: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = run_report.texts(summary(finished))
    monkeypatch.setattr("data_tools.language.is_chinese", lambda: True)
    monkeypatch.setenv("HOME", "/somewhere/else")
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    monkeypatch.chdir("/")
    assert run_report.texts(summary(run)) == here


@pytest.mark.parametrize("stage", ["data", "render", "check", "train"])
def test_a_run_that_is_not_finished_has_a_page_too(tmp_path: Path, stage: str) -> None:
    told = Told(tmp_path)
    assert told.piped(*RUN, "--until", stage).returncode == 0
    texts = run_report.texts(summary(told.run))
    assert "未完成" in texts["html"]
    assert 'id="rehearsal"' in texts["html"]
    (tmp_path / "page.md").write_text(texts["md"], encoding="utf-8")
    assert verify(tmp_path / "page.md", told.run).faults == ()
    assert not list(told.run.glob("report.*"))  # it is written for a finished run alone
    done = told.piped("report", "small")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in told.run.glob("report.*")) == sorted(
        run_report.NAMES.values()
    )


def test_a_run_that_failed_says_why(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.engine.behave("train", "echo 'RuntimeError: CUDA out of memory. Tried'; exit 1")
    assert told.piped(*RUN).returncode == 1
    found = summary(told.run)
    assert found["run"]["state"] == "failed"
    assert {"stage": "train", "text": "The engine's command did not finish."} in found["warnings"]


def test_a_long_training_stays_below_the_limit(run: Path) -> None:
    (log,) = run.glob("work/*/*.log")
    lines = [training.iteration(step, 20_000, 2 + step % 7 / 10) for step in range(1, 20_001)]
    samples = [training.sample(f"prompt {n}", "字" * 20_000) for n in range(30)]
    log.write_text("\n".join([*samples, *lines, *samples]), encoding="utf-8")
    begin = time.monotonic()
    texts = run_report.texts(summary(run))
    assert time.monotonic() - begin < 2
    assert all(len(text.encode()) < 400_000 for text in texts.values())
    loss = summary(run)["loss"]
    assert (loss["count"], len(loss["points"])) == (20_000, POINTS)
    assert (loss["points"][0][0], loss["points"][-1][0]) == (1, 20_000)


def test_a_loss_of_nan_is_on_the_page(run: Path) -> None:
    (log,) = run.glob("work/*/*.log")
    log.write_text(training.log(["7.5", "6.5", "nan", "nan", "5.0"]), encoding="utf-8")
    texts = run_report.texts(summary(run))
    assert json.loads(texts["json"])["loss"]["points"][2][1] == "nan"
    assert '<td class="n">nan</td>' in texts["html"]
    assert "NaN" not in texts["json"]  # it would be no JSON


# ---------------------------------------------------------------- what never is

SECRETS = {
    "hf_abcdefghijklmnopqrstu": "hf_abcdefghijklmnopqrstu",
    "token: s3cr3t-value": "s3cr3t-value",
    "https://me:pass@hub/x": "me:pass",
    "--api_key sk-abcdefghijklmnop1234": "sk-abcdefghijklmnop1234",
}
PLACES = {
    "/home/zhangsan/runs/a.yaml": "…/a.yaml",
    "read '/home/zhang san/my runs/a.yaml' now": "read '…/a.yaml' now",
    'export PATH=/root/.cache/recipe/envs/x/bin:"$PATH"': 'export PATH=…/bin:"$PATH"',
    "a:/root/x/y": "a:…/y",
    "file:///home/me/x.json": "…/x.json",
    "~/models/chat": "…/chat",
    "in /root": "in ~",
    "/Users/me": "~",
    "cd /home/zhangsan && ls": "cd ~ && ls",
    "模型在 /data/模型/名字 里": "模型在 …/名字 里",
}
KEPT = [
    "https://modelscope.cn/models/a/b",
    "data/train.jsonl",
    "./standin",
    "1/2 and 2026/11/21",
    "</s> and/or <|im_end|>",
    'work/$(basename "$(cat work/last_checkpoint)")',
]


@pytest.mark.parametrize("text", SECRETS)
def test_no_secret_leaves(text: str) -> None:
    assert SECRETS[text] not in shareable(text)


@pytest.mark.parametrize("text", PLACES)
def test_a_place_is_cut_to_its_last_name(text: str) -> None:
    assert shareable(text) == PLACES[text]


@pytest.mark.parametrize("text", KEPT)
def test_what_is_no_place_stays(text: str) -> None:
    assert shareable(text) == text


@given(st.lists(st.sampled_from(["home", "张三", "a b", "my-runs", "x.y"]), min_size=2, max_size=5))
def test_a_whole_path_leaves_its_name_alone(parts: list[str]) -> None:
    value = shareable_values({"at": "/" + "/".join(parts), "all": ["/" + "/".join(parts)]})
    last = "~" if len(parts) == 2 and parts[0] == "home" else f"…/{parts[-1]}"
    assert value == {"at": last, "all": [last]}


def test_a_report_holds_no_place_of_this_machine(finished: Path) -> None:
    for text in run_report.texts(summary(finished)).values():
        assert str(finished.parents[3]) not in text
        assert not re.search(r"(?<![\w.…/])/(?:root|home|tmp|work|usr/lib)/", text)


# ---------------------------------------------------------------- verifying


@pytest.fixture
def handed(run: Path) -> dict[str, Path]:
    return run_report.write(run)


@pytest.mark.parametrize("kind", run_report.NAMES)
def test_an_untouched_report_is_true(run: Path, handed: dict[str, Path], kind: str) -> None:
    verdict = verify(handed[kind], run)
    assert verdict.faults == ()
    assert verdict.rehearsal
    text = handed[kind].read_text(encoding="utf-8")
    handed[kind].write_bytes(("\ufeff" + text.replace("\n", "\r\n")).encode())  # by mail
    assert verify(handed[kind], run).faults == ()


@pytest.mark.parametrize("kind", run_report.NAMES)
def test_no_figure_can_be_changed(run: Path, handed: dict[str, Path], kind: str) -> None:
    """Every kind of figure: one digit of it is another one."""
    text = handed[kind].read_text(encoding="utf-8")
    body = text.index("<main>") if kind == "html" else 0
    numbers = [found for found in re.finditer(r"\d+(?:\.\d+)?", text) if found.start() > body]
    for found in thinned(numbers, 25):
        digit = "1" if found[0][-1] != "1" else "2"
        other = text[: found.end() - 1] + digit + text[found.end() :]
        handed[kind].write_text(other, encoding="utf-8")
        assert verify(handed[kind], run).faults, text[found.start() - 30 : found.end() + 30]


def test_a_changed_figure_is_named_with_both_values(run: Path, handed: dict[str, Path]) -> None:
    text = handed["html"].read_text(encoding="utf-8").replace("3.25", "0.25")
    handed["html"].write_text(text, encoding="utf-8")
    faults = "\n".join(verify(handed["html"], run).faults)
    assert "loss.last: the report says 0.25, the run 3.25" in faults


def test_a_rehearsal_cannot_be_made_a_run_on_the_page(run: Path, handed: dict[str, Path]) -> None:
    html = handed["html"].read_text(encoding="utf-8")
    without = re.sub(r'<div class="mark" id="rehearsal">.*?</div>', "", html, flags=re.DOTALL)
    assert without != html
    handed["html"].write_text(without, encoding="utf-8")
    assert verify(handed["html"], run).faults
    data = html.replace('"rehearsal":true', '"rehearsal":false')
    handed["html"].write_text(data, encoding="utf-8")
    assert any("rehearsal" in fault for fault in verify(handed["html"], run).faults)


FORGED: dict[str, Callable[[dict[str, Any]], object]] = {
    "the record": lambda value: value.update(rehearsal=False),
    "what was typed": lambda value: value["request"].update(rehearse=False),
    "both": lambda value: (
        value.update(rehearsal=False, changes=[]),
        value["request"].update(rehearse=False),
    ),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_rehearsal_cannot_be_made_a_run_in_its_record(run: Path, how: str) -> None:
    edited(run / "run.json", FORGED[how])
    page_of_it = run_report.write(run)["html"]
    assert 'id="rehearsal"' in page_of_it.read_text(encoding="utf-8")
    verdict = verify(page_of_it, run)
    assert verdict.rehearsal
    assert any("run.json was edited" in fault for fault in verdict.faults)


def test_a_run_directory_that_was_touched_up_is_told(run: Path) -> None:
    (log,) = run.glob("work/*/*.log")
    log.write_text(log.read_text(encoding="utf-8").replace("3.25", "0.25"), encoding="utf-8")
    faults = verify(run_report.write(run)["html"], run).faults
    assert any("was changed" in fault and "train" in fault for fault in faults)


def test_weights_that_were_not_handed_in_are_a_note(run: Path, handed: dict[str, Path]) -> None:
    shutil.rmtree(run / "merged")
    verdict = verify(handed["html"], run)
    assert verdict.faults == ()
    assert any("merged/" in note for note in verdict.notes)


def test_a_page_of_another_version_is_told_so(run: Path, handed: dict[str, Path]) -> None:
    edited(handed["json"], lambda value: value.update(tool="recipe 9.9"))
    assert "recipe 9.9" in verify(handed["json"], run).faults[0]


def test_what_is_no_report_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    (tmp_path / "a.html").write_bytes(b"\xff\xfe")
    (tmp_path / "b.html").write_text("<html></html>", encoding="utf-8")
    with pytest.raises(UsageError, match="no report"):
        verify(tmp_path / "a.pdf", run)
    with pytest.raises(UsageError, match="UTF-8"):
        verify(tmp_path / "a.html", run)
    assert "no figures" in verify(tmp_path / "b.html", run).faults[0]
    with pytest.raises(RecipeError):
        verify(tmp_path / "b.html", tmp_path)


def test_the_verb_ends_as_it_says(tmp_path: Path) -> None:
    """3 for a true rehearsal, 0 where one is wanted, 1 for what is not true, 2 for no question."""
    told = Told(tmp_path)
    assert told.piped(*RUN).returncode == 0
    html = told.run / "report.html"
    words = ("report", "--verify", str(html))
    true = told.piped(*words, "--run", str(told.run))
    assert (true.returncode, "REHEARSAL" in true.stdout) == (3, True)
    assert told.piped(*words, "--rehearsal").returncode == 0  # it lies in its run directory
    outcome = json.loads(told.piped(*words, "--json").stdout)
    assert (outcome["true"], outcome["rehearsal"], outcome["faults"]) == (True, True, [])
    html.write_text(html.read_text(encoding="utf-8").replace("3.25", "0.25"), encoding="utf-8")
    false = told.piped(*words, RECIPE_LANG="zh")
    assert false.returncode == 1
    assert "与运行不符" in false.stdout
    assert told.piped("report").returncode == 2


def test_a_run_that_is_only_looked_at_keeps_a_true_report(tmp_path: Path) -> None:
    """The record holds words of the reader's language: another one makes another report."""
    told = Told(tmp_path)
    told.piped(*RUN)
    page_of_it = told.run / "report.html"
    first = page_of_it.stat().st_mtime_ns
    told.piped(*RUN)
    assert page_of_it.stat().st_mtime_ns == first
    for env in ({"RECIPE_LANG": "zh"}, {"RECIPE_LANG": "en"}):
        assert told.piped(*RUN, **env).returncode == 0
        assert verify(page_of_it, told.run).faults == ()
    page_of_it.unlink()
    told.piped(*RUN)
    assert page_of_it.is_file()


# ---------------------------------------------------------------- the kit


@given(st.lists(st.floats() | st.none(), min_size=1, max_size=60), st.integers(1, 10**7))
def test_a_line_stays_inside_its_picture(values: list[float | None], step: int) -> None:
    drawn = chart.draw([(index * step + 1, value) for index, value in enumerate(values)])
    if drawn is None:
        return
    assert len(drawn.spots) == len(values)
    for x, y in drawn.spots:
        assert chart.LEFT <= x <= chart.WIDTH - chart.RIGHT
        assert y is None or chart.TOP <= y <= chart.HEIGHT - chart.BOTTOM
    assert 1 <= len(drawn.across) <= 12
    assert 2 <= len(drawn.up) <= 12


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9))
def test_ticks_are_round_and_reach_over_the_values(low: float, span: float) -> None:
    found = chart.ticks(low, low + span)
    slack = max(abs(low), span, 1) * 1e-6
    assert found[0] <= low + slack
    assert found[-1] >= low + span - slack
    assert found == sorted(set(found))


@given(st.lists(st.integers(), max_size=50), st.integers(2, 20))
def test_thinning_keeps_both_ends(values: list[int], room: int) -> None:
    kept = thinned(values, room)
    assert len(kept) == min(len(values), room)
    assert (kept[:1], kept[-1:]) == (values[:1], values[-1:])


@given(st.text())
def test_a_cell_of_markdown_is_one_cell(text: str) -> None:
    cell = page.cell(text)
    assert "\n" not in cell
    assert not re.search(r"(?<!\\)(?:\\\\)*[|<]", cell)
