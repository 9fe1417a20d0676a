"""What the YAML parser says, for somebody who wrote the file and not the parser."""

from __future__ import annotations

from orchestrator.base.language import say

#: What the parser's own words mean to somebody who wrote the file.
_INDENTED = (
    "this line is indented differently from the ones it belongs to",
    "这一行的缩进与所属部分不一致",
)
_CONTROL = "a control character stands here; remove it", "此处有控制字符，请删除"
_TABS = "indent with spaces, not tabs", "请用空格缩进，不要用制表符"
_PLAIN_WORDS: tuple[tuple[str, str, str], ...] = (
    (
        "mapping values are not allowed",
        "text with a `: ` in it belongs in quotes, or this line is indented by mistake",
        "含有 `: ` 的文本要加引号，或者这一行缩进有误",
    ),
    ("found a tab character", *_TABS),
    ("contains a tab", *_TABS),
    (
        "cannot start any token",
        "this character cannot begin a value; indent with spaces, not tabs",
        "值不能以这个字符开头；请用空格缩进，不要用制表符",
    ),
    (
        "unexpected end of stream",
        "a quote or bracket opened here is never closed",
        "此处的引号或括号没有闭合",
    ),
    ("expected ':'", "this line is not `key: value`", "这一行不是 `key: value`"),
    ("expected <block end>", *_INDENTED),
    ("did not find expected key", *_INDENTED),
    ("expected '-' indicator", *_INDENTED),
    ("expected ',' or", "a comma or a closing bracket is missing", "缺少逗号或右括号"),
    (
        "undefined alias",
        "`*name` refers to an `&name` that does not stand above it",
        "`*name` 引用的 `&name` 在它之前没有定义",
    ),
    ("control characters", *_CONTROL),
    ("special characters", *_CONTROL),
)


def in_plain_words(problem: str) -> str:
    """The parser's problem as a reader understands it; "" for one that is not known."""
    return next((say(*plain) for part, *plain in _PLAIN_WORDS if part in problem), "")
