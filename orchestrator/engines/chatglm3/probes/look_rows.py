"""Every row before training: the script looks at the first one alone, and meets the others hours
later. Then the first row as the script's own sanity check shows it.
"""

import json
import random
from pathlib import Path

from probe_findings import FIGURES, WARNINGS, fault

SHOWN = 5
SAMPLE = 200
ROLES = {"system", "user", "assistant", "observation", "tool"}
SANITY = "sanity.txt"


def of_turn(turn):
    """What the script would raise over one turn; None: nothing."""
    if not isinstance(turn, dict):
        return "is no object"
    role = turn.get("role")
    if role not in ROLES:
        return f"has the role {role!r}"
    if role != "tool":
        return None if isinstance(turn.get("content"), str) else f"of the {role} has no text"
    if not isinstance(turn.get("parameters"), dict):
        return "of a tool has no parameters"
    return None if isinstance(turn.get("name"), str) else "of a tool has no name"


def of_talk(row):
    """What is wrong with a multi-turn row; None: nothing."""
    turns = row.get("conversations")
    if not isinstance(turns, list) or not turns:
        return "has no conversations"
    for number, turn in enumerate(turns, 1):
        why = of_turn(turn)
        if why:
            return f"turn {number} {why}"
    return None


def of_pair(row):
    """What is wrong with an input-output row; None: nothing."""
    lost = [key for key in ("prompt", "response") if not isinstance(row.get(key), str)]
    return f"has no text in {' and '.join(lost)}" if lost else None


def read(path, check):
    """(rows, how many cannot be used); a fault names the first of these."""
    rows, wrong = [], 0
    with Path(path).open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                why = check(row) if isinstance(row, dict) else "is no object"
            except ValueError as error:
                row, why = None, f"is not JSON ({error})"
            if why:
                wrong += 1
                if wrong <= SHOWN:
                    fault(f"{path}:{number}: the row {why}.", fix="correct it, then --from data")
            rows.append(row)
    if not rows:
        fault(f"{path} holds no row.", fix="look at data/account.json")
    return rows, wrong


def lengths(rows, dataset):
    """How many rows of a sample are cut, and how many so short that nothing of their answer is
    left; to tokenise all of a large file takes minutes."""
    drawn = random.Random(0).sample(range(len(rows)), min(SAMPLE, len(rows)))
    cut = sum(dataset.tokens(rows[index]) > dataset.limit for index in drawn)
    lost = sum(all(label == -100 for label in dataset.labels(rows[index])) for index in drawn)
    if cut:
        WARNINGS.append(
            f"{cut} of {len(drawn)} rows looked at ({cut / len(drawn):.0%}) are longer than "
            f"{dataset.limit} tokens: the script cuts them without a word"
        )
    if lost:
        WARNINGS.append(
            f"{lost} of {len(drawn)} rows looked at are cut before their answer: nothing is learnt "
            "from them, and a batch of such rows has the loss 0.0 in the log, which is a NaN"
        )


class Talks:
    """Multi-turn rows, by the script's own code."""

    def __init__(self, data, tokenizer):
        from preprocess_utils import MultiTurnDataset, format_conversation

        self._format, self._tokenizer = format_conversation, tokenizer
        self.limit = data.max_seq_length
        self.rows = lambda rows: MultiTurnDataset(rows, tokenizer, self.limit)

    def labels(self, row):
        return self.rows([row])[0]["labels"]

    def tokens(self, row):
        return len(self._format(row, self._tokenizer, "conversations", "tools")[0])


class Pairs:
    """Input-output rows, by the script's own code."""

    def __init__(self, data, tokenizer):
        from preprocess_utils import InputOutputDataset

        self._tokenizer = tokenizer
        self.source, self.target = data.max_source_length, data.max_target_length
        self.limit = self.source + self.target
        self.rows = lambda rows: InputOutputDataset(rows, tokenizer, self.source, self.target)

    def labels(self, row):
        return self.rows([row])[0]["labels"]

    def tokens(self, row):
        """Beyond the limit when either side is cut."""
        asked = len(self._tokenizer.encode(row["prompt"]))
        said = len(self._tokenizer.encode(row["response"], add_special_tokens=False))
        return asked + said + (self.limit if asked > self.source or said > self.target else 0)


def show_first(dataset, rows, tokenizer):
    """The tutorial's table of tokens and labels of the first row, printed and in a file."""
    import contextlib
    import io

    from preprocess_utils import sanity_check

    first = dataset.rows(rows[:1])[0]
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        sanity_check(first["input_ids"], first["labels"], tokenizer)
    print(text.getvalue())
    Path(SANITY).write_text(text.getvalue(), encoding="utf-8")
    learnt = sum(label != -100 for label in first["labels"])
    FIGURES["first_row"] = f"{learnt} tokens learnt, the table is in {SANITY}"
    if not learnt:
        fault(
            "No token of the first row is learnt.",
            why=f"its answer lies behind the first {dataset.limit} tokens, or has loss false",
            fix="a longer train.max_length, or look at its `loss`",
        )


def examine(data, tokenizer):
    """Check every row of ``data.train_file``; how many there are. No tokenizer: no lengths."""
    talks = data.train_format == "multi-turn"
    rows, wrong = read(data.train_file, of_talk if talks else of_pair)
    if wrong > SHOWN:
        fault(f"{wrong} of {len(rows)} rows cannot be used.", fix="the first of them are above")
    FIGURES["rows_checked"] = len(rows)
    if tokenizer is None or wrong or not rows:
        return len(rows)
    dataset = (Talks if talks else Pairs)(data, tokenizer)
    lengths(rows, dataset)
    show_first(dataset, rows, tokenizer)
    return len(rows)
