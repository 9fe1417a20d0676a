"""What ChatGLM3's two formatting scripts make, row for row, with a row account.

Source: ChatGLM3 finetune_chatmodel_demo/scripts/format_tool_alpaca.py and
format_advertise_gen.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from data_tools.account import Account
from data_tools.containers.reading import Paths, read
from data_tools.rows import Row


def format_tool_alpaca(path: Paths, *, account: Account | None = None) -> Iterator[Row]:
    """Yield one row for each instance of a ToolAlpaca file; broken instances are rejected."""
    return read(path, format="tool-alpaca", account=account)


def format_advertise_gen(path: Paths, *, account: Account | None = None) -> Iterator[Row]:
    """Yield one prompt/response row for each line of AdvertiseGen (content, summary)."""
    return read(path, format="prompt-response", account=account)
