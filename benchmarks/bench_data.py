"""How fast and how small data_tools is, beside what the tutorials and others do.

    python benchmarks/bench_data.py                        # 100,000 rows
    python benchmarks/bench_data.py --rows 1000000
    python benchmarks/bench_data.py --memory               # a 4 GB JSONL and a 1 GB array as well
    python benchmarks/bench_data.py --datasets-python PY   # a Python that has `datasets`

It makes its own input in a temporary folder. Every job runs in a process of its own; its wall time
(imports included) and its peak memory are measured there, the best of `--repeat` runs counts.
Nothing is printed but figures from the run at hand.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SYSTEM = "You are a careful assistant who answers questions about everyday things."
ASKED = "How long should one boil an egg of medium size, number {}?"
ANSWER = "About seven minutes, said the cook, and then cold water. " * 6
TALK = "我最近总是睡不好，早上起来很累，白天也提不起精神，不知道该怎么办才好。"

STAGE = """
from pathlib import Path
from orchestrator.planning.feasible import load
from orchestrator.planning.job import build
from orchestrator.planning.stages.data import ConvertRows
Path(DST + ".yaml").write_text(RECIPE.format(sources=SOURCES))
job = ConvertRows(build(load(DST + ".yaml")))
assert job.run(Path(DST + ".run"), lambda *_: None)["rows"] == ROWS
"""
JOBS = {
    # The spreadsheet tutorial's script, stated again: openpyxl, one list, json.dump.
    "xlsx tutorial": """
import json, openpyxl
book = openpyxl.load_workbook(SRC)
rows = []
for cells in book["DrugQA"].iter_rows(min_row=2, max_col=4, values_only=True):
    turn = {"system": SYSTEM, "input": cells[0], "output": cells[3]}
    rows.append({"conversation": [turn]})
with open(DST, "w", encoding="utf-8") as file:
    json.dump(rows, file, indent=4)
""",
    "xlsx bare": """
import orjson, python_calamine
sheet = python_calamine.load_workbook(SRC).get_sheet_by_name("DrugQA")
rows = sheet.iter_rows()
next(rows)
with open(DST, "wb") as file:
    for cells in rows:
        turn = {"system": SYSTEM, "input": cells[0], "output": cells[3]}
        file.write(orjson.dumps({"conversation": [turn]}, option=orjson.OPT_APPEND_NEWLINE))
""",
    "xlsx data_tools": """
from data_tools import convert
account = convert(SRC, DST, sheet="DrugQA", columns={"input": "A", "output": "D"}, system=SYSTEM)
assert account.written == ROWS
""",
    # The multi-turn tutorial's script without the dump inside its loop.
    "jsonl tutorial": """
import json
with open(SRC, encoding="utf-8") as file:
    data = [json.loads(line) for line in file]
rows = []
for item in data:
    turns = item["conversation"]
    history = [(turn["input"], turn["output"]) for turn in turns[:-1]]
    rows.append({"instruction": turns[-1]["input"], "input": "", "output": turns[-1]["output"],
                 "system": SYSTEM, "history": history})
with open(DST, "w", encoding="utf-8") as file:
    json.dump(rows, file, ensure_ascii=False, indent=4)
""",
    "jsonl bare": """
import orjson
with open(SRC, "rb") as lines, open(DST, "wb") as file:
    for line in lines:
        turns = orjson.loads(line)["conversation"]
        row = {"instruction": turns[-1]["input"], "input": "", "output": turns[-1]["output"],
               "system": SYSTEM, "history": [[t["input"], t["output"]] for t in turns[:-1]]}
        file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
""",
    "jsonl datasets": """
import datasets
datasets.disable_progress_bars()
def alpaca(row):
    turns = row["conversation"]
    return {"instruction": turns[-1]["input"], "input": "", "output": turns[-1]["output"],
            "system": SYSTEM, "history": [[t["input"], t["output"]] for t in turns[:-1]]}
data = datasets.load_dataset("json", data_files=SRC, split="train", cache_dir=DST + ".cache")
data = data.map(alpaca, remove_columns=["conversation"])
data.to_json(DST, force_ascii=False)
""",
    "jsonl data_tools": """
from data_tools import convert
assert convert(SRC, DST, to="alpaca", system=SYSTEM).written == ROWS
""",
    "plain convert": """
from data_tools import convert
assert convert(SRC, DST).written == ROWS
""",
    # What a run's data stage does with a split, and with a mix of two sources.
    "stage split": "SOURCES = f'[{{path: {SRC}}}]'" + STAGE,
    "stage mix": "one = f'path: {SRC}, sample_rows: {ROWS // 2}'; "
    "SOURCES = f'[{{{one}, weight: 1}}, {{{one}, weight: 2}}]'" + STAGE,
    "memory data_tools": """
from data_tools import convert
convert(SRC, DST, to="alpaca")
""",
}
RECIPE = """
title: Bench
engine: xtuner@0.2.0
model: {{id: a/b, template: internlm2_chat}}
data: {{sources: {sources}, split: {{train: 0.7}}}}
"""
METER = """
import json, time
begin = time.perf_counter()
{job}
seconds = time.perf_counter() - begin
status = open("/proc/self/status").read()  # ru_maxrss would count the parent's peak
peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps({{"seconds": seconds, "peak": peak}}))
"""


def measure(name: str, source: Path, rows: int, repeat: int, python: str = sys.executable) -> dict:
    """Seconds and peak MiB of one job, the best of some runs."""
    target = source.with_name(f"out-{name.replace(' ', '-')}.jsonl")
    values = f"SRC, DST, SYSTEM, ROWS = {str(source)!r}, {str(target)!r}, {SYSTEM!r}, {rows}\n"
    values += f"RECIPE = {RECIPE!r}\n"
    code = values + METER.format(job=JOBS[name])
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    found = []
    for _ in range(repeat):
        done = subprocess.run([python, "-c", code], env=environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{name} failed:\n{done.stderr}")
        found.append(json.loads(done.stdout.splitlines()[-1]))
        target.unlink(missing_ok=True)
        shutil.rmtree(f"{target}.run", ignore_errors=True)
    best = {key: min(run[key] for run in found) for key in ("seconds", "peak")}
    print(f"  {name:<20} {best['seconds']:>8.2f} s  {best['peak']:>8.0f} MiB", flush=True)
    return best


def ratio(text: str, value: float, bound: str, met: bool) -> None:
    print(f"  -> {text}: {value:.2f} ({bound}: {'met' if met else 'MISSED'})", flush=True)


def make_book(path: Path, rows: int) -> None:
    """A workbook in the tutorial's layout, written as XML for speed."""
    cell = '<c t="inlineStr" r="{}{}"><is><t>{}</t></is></c>'

    def line(number: int, cells: tuple[str, ...]) -> str:
        made = "".join(cell.format(c, number, text) for c, text in zip("ABCD", cells, strict=True))
        return f'<row r="{number}">{made}</row>'

    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    part = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        book.writestr(
            "[Content_Types].xml",
            f'{head}<Types xmlns="{package}/content-types"><Default Extension="rels" '
            f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{part}.sheet.main+xml"/>'
            f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{part}.worksheet+xml"/>'
            "</Types>",
        )
        book.writestr(
            "_rels/.rels",
            f'{head}<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
            f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        book.writestr(
            "xl/workbook.xml",
            f'{head}<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
            '<sheet name="DrugQA" sheetId="1" r:id="r1"/></sheets></workbook>',
        )
        book.writestr(
            "xl/_rels/workbook.xml.rels",
            f'{head}<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
            f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        with book.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            size = f'<dimension ref="A1:D{rows + 1}"/>'  # as spreadsheet programs write it
            sheet.write(f'{head}<worksheet xmlns="{main}">{size}<sheetData>'.encode())
            sheet.write(line(1, ("Question", "Focus", "Type", "Answer")).encode())
            for number in range(2, rows + 2):
                cells = (ASKED.format(number), "egg", "Time", f"{number}: {ANSWER}")
                sheet.write(line(number, cells).encode())
            sheet.write(b"</sheetData></worksheet>")


def make_lines(path: Path, rows: int, size: int = 0, array: bool = False) -> int:
    """Multi-turn conversations, 1 to 5 turns, about 1.8 KB a row; until `size` bytes if given."""
    with path.open("w", encoding="utf-8") as file:
        file.write("[\n" if array else "")
        number = 0
        written = 0
        while written < size if size else number < rows:
            turns = [
                {"input": f"{TALK * 2} {number}.{turn}", "output": TALK * 4 + "慢慢来。" * 6}
                for turn in range(1 + number % 5)
            ]
            turns[0] = {"system": "你是一位耐心的助手。", **turns[0]}
            line = json.dumps({"conversation": turns}, ensure_ascii=False)
            file.write((",\n" if array and number else "") + line + ("" if array else "\n"))
            written += len(line.encode()) + 1
            number += 1
        file.write("\n]\n" if array else "")
    return number


def spreadsheets(folder: Path, rows: int, repeat: int) -> None:
    book = folder / "book.xlsx"
    make_book(book, rows)
    print(f"XLSX to conversations, {rows:,} rows, {book.stat().st_size / 2**20:.0f} MiB")
    slow = measure("xlsx tutorial", book, rows, 1)
    bare = measure("xlsx bare", book, rows, repeat)
    ours = measure("xlsx data_tools", book, rows, repeat)
    faster, share = slow["seconds"] / ours["seconds"], ours["peak"] / slow["peak"]
    over = ours["seconds"] / bare["seconds"]
    ratio("times faster than the tutorial's script", faster, "at least 8", faster >= 8)
    ratio("of its memory", share, "at most 0.5", share <= 0.5)
    ratio("times bare calamine + orjson", over, "at most 1.5", over <= 1.5)
    book.unlink()


def lines(folder: Path, rows: int, repeat: int, datasets_python: str | None) -> None:
    source = folder / "talk.jsonl"
    make_lines(source, rows)
    print(f"JSONL multi-turn to alpaca, {rows:,} rows, {source.stat().st_size / 2**20:.0f} MiB")
    bare = measure("jsonl bare", source, rows, repeat)
    ours = measure("jsonl data_tools", source, rows, repeat)
    slow = measure("jsonl tutorial", source, rows, 1)
    over, faster = ours["seconds"] / bare["seconds"], slow["seconds"] / ours["seconds"]
    ratio("times a bare orjson loop", over, "at most 2", over <= 2)
    ratio("times faster than the mended tutorial loop", faster, "at least 3", faster >= 3)
    if datasets_python is None:
        print("  jsonl datasets       not measured: name a Python with --datasets-python")
    else:
        theirs = measure("jsonl datasets", source, rows, 1, datasets_python)
        times = theirs["seconds"] / ours["seconds"]
        ratio("times faster than datasets map + to_json", times, "at least 10", times >= 10)
    source.unlink()


def stages(folder: Path, rows: int, repeat: int) -> None:
    """A run's data stage beside a plain conversion of the rows that it reads, and what more rows
    cost in memory."""
    source, small = folder / "stage.jsonl", folder / "small.jsonl"
    make_lines(source, rows)
    make_lines(small, rows // 10)
    print(f"A run's data stage, {rows:,} rows, {source.stat().st_size / 2**20:.0f} MiB")
    plain = measure("plain convert", source, rows, repeat)
    added = (source.stat().st_size - small.stat().st_size) / 2**20
    for name, sources in (("stage split", 1), ("stage mix", 2)):
        few = measure(name, small, rows // 10, 1)
        ours = measure(name, source, rows, repeat)
        over = ours["seconds"] / plain["seconds"] / sources
        share = (ours["peak"] - few["peak"]) / added
        ratio("times a plain conversion of the rows read", over, "at most 3", over <= 3)
        ratio("of the added rows' size in memory", share, "at most 0.15", share <= 0.15)
    source.unlink()


def memory(folder: Path) -> None:
    for name, size, array in (("4 GB JSONL", 4 * 10**9, False), ("1 GB JSON array", 10**9, True)):
        source = folder / ("big.json" if array else "big.jsonl")
        rows = make_lines(source, 0, size, array)
        print(f"{name}, {rows:,} rows")
        found = measure("memory data_tools", source, rows, 1)
        ratio("MiB at the peak", found["peak"], "under 200", found["peak"] < 200)
        source.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--datasets-python")
    parser.add_argument("--folder", help="where the input is made; a temporary folder by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        for rows in options.rows:
            spreadsheets(Path(name), rows, options.repeat)
            lines(Path(name), rows, options.repeat, options.datasets_python)
            stages(Path(name), rows, options.repeat)
        if options.memory:
            memory(Path(name))


if __name__ == "__main__":
    main()
