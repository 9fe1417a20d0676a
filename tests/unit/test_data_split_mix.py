"""Splits never leak, mixes count right, and neither depends on the order of rows."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from data_support import conversation, lines_of, put_lines, row
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_tools import Account, DataError, Input, Pipeline, Split, mix, run, sample, split
from data_tools.operations.mixing import by_weight, parse_spec
from data_tools.operations.ordering import request

SEEDS = st.integers(0, 2**32)


def split_file(src: Any, train_path: Path, test_path: Path, **options: Any) -> Account:
    sides = {k: options.pop(k) for k in ("train", "test", "group", "stratify") if k in options}
    outputs = [train_path, test_path]
    source = Input(files=src)
    return run(Pipeline(inputs=[source], outputs=outputs, split=Split(**sides), **options)).account


def mix_files(specs: list[Any], out: Path, **options: Any) -> Account:
    pairs = [parse_spec(str(spec)) for spec in specs]
    inputs = [Input(files=path, count=count) for path, count in pairs]
    return run(Pipeline(inputs=inputs, outputs=[out], shuffle=True, **options)).account


def numbered(count: int, file: str = "a.json", repeat: int = 1) -> list[Any]:
    return [row((f"q{i // repeat}", f"a{i}"), file=file, at=i + 1) for i in range(count)]


def test_the_tutorials_split_floors() -> None:
    train, test = split(numbered(690), train=0.7)
    assert (len(train), len(test)) == (482, 208)


@given(st.integers(0, 400), st.floats(0, 1), SEEDS)
def test_a_ratio_floors_and_both_sides_make_up_the_whole(
    count: int, ratio: float, seed: int
) -> None:
    rows = numbered(count)
    train, test = split(rows, train=ratio, seed=seed)
    assert len(train) == int(count * ratio)
    assert sorted(r.at for r in train + test) == [r.at for r in rows]


@settings(max_examples=40)
@given(st.integers(1, 60), st.floats(0, 1), SEEDS, st.sampled_from([None, "request", "row"]))
def test_the_order_of_rows_does_not_matter(
    count: int, ratio: float, seed: int, group: str | None
) -> None:
    rows = numbered(count, repeat=2)
    shuffled = random.Random(seed).sample(rows, count)
    assert split(rows, train=ratio, seed=seed, group=group) == split(
        shuffled, train=ratio, seed=seed, group=group
    )


def test_seeds_differ_and_repeat() -> None:
    rows = numbered(100)
    assert split(rows, train=0.5, seed=1) == split(rows, train=0.5, seed=1)
    assert split(rows, train=0.5, seed=1) != split(rows, train=0.5, seed=2)


def test_the_order_is_the_same_in_every_release() -> None:
    """A golden order: a change here would silently change everybody's splits."""
    train, test = split(numbered(8), train=0.5, seed=0)
    assert [[r.at for r in side] for side in (train, test)] == [
        [1, 3, 7, 5],
        [4, 8, 6, 2],
    ]


@settings(max_examples=60)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.floats(0, 1), SEEDS)
def test_grouped_requests_never_sit_on_both_sides(
    questions: list[int], ratio: float, seed: int
) -> None:
    rows = [
        row((f"  Question {q}" if i % 2 else f"question {q} ", f"a{i}"), at=i + 1)
        for i, q in enumerate(questions)
    ]
    train, test = split(rows, train=ratio, seed=seed, group="request")
    assert not {request(r) for r in train} & {request(r) for r in test}
    assert len(train) <= int(len(rows) * ratio)
    assert len(train) + len(test) == len(rows)


@given(st.integers(1, 300), st.integers(0, 40), SEEDS)
def test_grouped_counts_are_exact_when_single_rows_can_fill_them(
    singles: int, pairs: int, seed: int
) -> None:
    rows = numbered(singles) + [row((f"p{i // 2}", f"b{i}")) for i in range(2 * pairs)]
    train, _ = split(rows, train=0.7, seed=seed, group="request")
    exact = int(len(rows) * 0.7)
    assert exact - 1 <= len(train) <= exact
    if singles > 100 > pairs * 2:
        assert len(train) == exact


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 50), SEEDS)
def test_stratified_splits_take_the_same_share_of_each_source(
    a: int, b: int, c: int, seed: int
) -> None:
    rows = numbered(a, "a.json") + numbered(b, "b.json") + numbered(c, "c.json")
    train, _ = split(rows, train=0.7, seed=seed, stratify="source")
    assert len(train) == int(len(rows) * 0.7)
    counts = Counter(r.source.file for r in train)
    for file, size in (("a.json", a), ("b.json", b), ("c.json", c)):
        assert abs(counts[file] - size * len(train) / len(rows)) < 1


def test_counts_instead_of_ratios() -> None:
    train, test = split(numbered(50), train=30, test=5)
    assert (len(train), len(test)) == (30, 5)
    assert not {r.at for r in train} & {r.at for r in test}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train": 1.5}, "at most 1.0"),
        ({"train": 11}, "asks for 11 rows"),
        ({"train": -1}, "ratio from 0 to 1"),
        ({"train": float("nan")}, "at most 1.0"),
        ({"train": 6, "test": 6}, "more rows than there are"),
        ({"train": 0.5, "group": "hue"}, "grouped by 'hue'"),
        ({"train": 0.5, "stratify": "hue"}, "stratified by 'hue'"),
    ],
)
def test_impossible_splits_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        split(numbered(10), **options)


def test_split_takes_plain_objects(tmp_path: Path) -> None:
    rows = [conversation((f"q{i}", "a")) for i in range(10)]
    train, test = split(rows, train=0.7, group="request")
    assert len(train) == 7
    assert all(r in rows for r in train + test)


def test_a_file_is_split_into_its_own_rows(tmp_path: Path) -> None:
    raws = [{**conversation((f"q{i}", f"答{i}")), "id": i, "note": ["x"]} for i in range(20)]
    src = put_lines(tmp_path / "in.jsonl", raws)
    account = split_file(src, tmp_path / "train.jsonl", tmp_path / "test.json", train=0.7)
    import json

    train = lines_of(tmp_path / "train.jsonl")
    test = json.loads((tmp_path / "test.json").read_text())
    assert (account.read, account.written, len(train), len(test)) == (20, 20, 14, 6)
    assert sorted(r["id"] for r in train + test) == list(range(20))
    assert all(r in raws for r in train + test)


def test_a_split_file_is_the_same_whatever_the_order_of_rows(tmp_path: Path) -> None:
    raws = [conversation((f"q{i}", f"a{i}")) for i in range(40)]
    put_lines(tmp_path / "1.jsonl", raws)
    put_lines(tmp_path / "2.jsonl", raws[::-1])
    for name in ("1", "2"):
        out = [tmp_path / f"{name}-{side}.jsonl" for side in ("train", "test")]
        split_file(tmp_path / f"{name}.jsonl", *out, train=0.7, group="request")
    for side in ("train", "test"):
        first, second = (tmp_path / f"{n}-{side}.jsonl" for n in ("1", "2"))
        assert first.read_bytes() == second.read_bytes()


def test_a_plain_split_notes_requests_on_both_sides_and_the_rest_is_accounted_for(
    tmp_path: Path,
) -> None:
    src = put_lines(tmp_path / "in.jsonl", [conversation(("same", f"a{i}")) for i in range(10)])
    out = (tmp_path / "train.jsonl", tmp_path / "test.jsonl")
    account = split_file(src, *out, train=5, test=2)
    assert account.notes == {"requests that sit on both sides (group by request to prevent)": 1}
    assert (account.read, account.written, account.rejected, account.faults) == (10, 7, 3, 0)
    assert len(lines_of(tmp_path / "train.jsonl.rejected.jsonl")) == 3


def test_split_refuses_one_path_for_both_sides(tmp_path: Path) -> None:
    src = put_lines(tmp_path / "in.jsonl", [conversation(("q", "a"))])
    with pytest.raises(DataError, match="same path"):
        split_file(src, tmp_path / "x.jsonl", tmp_path / "." / "x.jsonl", train=0.5)


# mixing


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("a.json", ("a.json", None)),
        ("a.json#500", ("a.json", 500)),
        ("a.json#0.5", ("a.json", 0.5)),
        ("a.json#250%", ("a.json", 2.5)),
        ("a#b.json", ("a#b.json", None)),
        ("d/x#1.json#7", ("d/x#1.json", 7)),
    ],
)
def test_specs(spec: str, expected: tuple[str, Any]) -> None:
    assert parse_spec(spec) == expected


def test_a_file_whose_name_looks_like_a_spec_is_that_file(tmp_path: Path) -> None:
    path = put_lines(tmp_path / "a#500", [conversation(("q", "a"))])
    assert parse_spec(str(path)) == (str(path), None)


@given(st.integers(1, 40), st.integers(0, 200), SEEDS)
def test_samples_have_the_size_asked_for_and_repeat_evenly(
    size: int, count: int, seed: int
) -> None:
    drawn = Counter(r.at for r in sample(numbered(size), count, seed=seed))
    assert sum(drawn.values()) == count
    assert max(drawn.values(), default=0) - min((drawn[i + 1] for i in range(size)), default=0) <= 1


@given(st.integers(1, 40), st.floats(0, 3), SEEDS)
def test_which_rows_are_drawn_does_not_depend_on_their_order(
    size: int, share: float, seed: int
) -> None:
    rows = numbered(size)
    first = Counter(r.at for r in sample(rows, share, seed=seed))
    assert first == Counter(r.at for r in sample(rows[::-1], share, seed=seed))
    assert sum(first.values()) == int(size * share + 1e-9)


def test_mix_counts_and_shuffles() -> None:
    a, b = numbered(30, "a.json"), numbered(10, "b.json", repeat=2)
    mixed = mix([a, b], counts=[15, 2.0], seed=3)
    assert Counter(r.source.file for r in mixed) == {"a.json": 15, "b.json": 20}
    assert mixed == mix([b[::-1], a[::-1]], counts=[2.0, 15], seed=3)
    assert mixed != mix([a, b], counts=[15, 2.0], seed=4)
    plain = mix([a, b], shuffle=False)
    assert [r.at for r in plain] == [r.at for r in a + b]


def test_copies_of_a_row_are_spread_out() -> None:
    mixed = mix([numbered(50)], counts=[4.0])
    neighbours = sum(x.at == y.at for x, y in pairwise(mixed))
    assert neighbours < 20


@given(
    st.lists(st.tuples(st.integers(1, 100), st.floats(0.01, 10)), min_size=1, max_size=5),
    st.integers(1, 500),
)
def test_weights_share_out_the_total(pairs: list[tuple[int, float]], total: int) -> None:
    sizes, weights = zip(*pairs, strict=True)
    numbers = by_weight(sizes, weights, total)
    assert sum(numbers) == total
    for number, weight in zip(numbers, weights, strict=True):
        assert abs(number - total * weight / sum(weights)) < 1 + 1e-6 * total


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": [1]}, "1 weights for 2 sources"),
        ({"weights": [0, 0]}, "not all 0"),
        ({"weights": [1, -1]}, "not all 0"),
        ({"counts": [None, 5]}, "cannot be drawn from a source of 0 rows"),
    ],
)
def test_impossible_mixes_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        mix([numbered(3), []], **options)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(st.integers(0, 30), st.integers(0, 30), SEEDS)
def test_mixed_files_account_for_every_row(tmp_path: Path, a: int, b: int, seed: int) -> None:
    one = put_lines(tmp_path / "a.jsonl", [conversation((f"q{i}", "a")) for i in range(10)])
    two = put_lines(tmp_path / "b.jsonl", [conversation((f"p{i}", "b")) for i in range(20)])
    out = tmp_path / "out.jsonl"
    account = mix_files([f"{one}#{a}", f"{two}#{b}"], out, seed=seed)
    assert account.written == a + b == len(lines_of(out))
    assert account.read == account.written + account.rejected
    assert account.rejected == max(0, 10 - a) + max(0, 20 - b)
    assert account.faults == 0
    questions = Counter(r["conversation"][0]["input"][0] for r in lines_of(out))
    assert (questions["q"], questions["p"]) == (a, b)


def test_mixing_formats_needs_one_to_write(tmp_path: Path) -> None:
    one = put_lines(tmp_path / "a.jsonl", [conversation(("q", "a"))])
    two = put_lines(tmp_path / "b.jsonl", [{"prompt": "p", "response": "r"}])
    with pytest.raises(DataError, match="more than one format"):
        mix_files([one, two], tmp_path / "o.jsonl")
    mix_files([one, two], tmp_path / "o.jsonl", to="prompt-response")
    assert len(lines_of(tmp_path / "o.jsonl")) == 2
