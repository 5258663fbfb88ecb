"""Just enough of protobuf's text format to take a field out of a message, or to put one in.

The grammar is that of "Text Format Language Specification" (protobuf.dev). What is not touched stays byte for byte, with
its comments; what breaks the grammar's brackets and quotes is refused.
"""

import re
from collections.abc import Callable, Container, Iterator

import attrs

from modelver.errors import InvalidValue

_TOKEN = re.compile(
    rb"""(?P<skip>\s+|\#[^\n]*)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<open>[{<\[])|(?P<close>[}>\]])
    |(?P<mark>[:,;])
    |(?P<word>[\w.+/-]+)""",
    re.VERBOSE | re.DOTALL,
)
_CLOSES = {b"{": b"}", b"<": b">", b"[": b"]"}
_NAME = re.compile(rb"[A-Za-z_]\w*")
_MAX_DEPTH = 64


@attrs.frozen
class _Token:
    kind: str
    text: bytes
    start: int
    depth: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def without_fields(data: bytes, names: Container[bytes], *, where: str) -> bytes:
    """Return a message without some of its own fields; those of messages in it stay.

    Args:
        data: The message's text.
        names: The fields' names.
        where: Whose text it is, for messages.

    Raises:
        InvalidValue: It is no list of fields, or brackets or quotes are not closed.
    """
    kept, begin = [], 0
    for name, start, end in _fields(data, where):
        if name in names:
            kept.append(data[begin:start])
            begin = end
    return b"".join([*kept, data[begin:]])


def with_texts(data: bytes, field: bytes, change: Callable[[bytes], bytes], *, where: str) -> bytes:
    """Return a message in which the texts of one field, wherever it is, were changed.

    Args:
        data: The message's text.
        field: The field's name.
        change: Takes what is between the quotes, escapes as they are, and returns what is to be there.
        where: Whose text it is, for messages.

    Raises:
        InvalidValue: Brackets or quotes are not closed.
    """
    parts, begin = [], 0
    tokens = list(_tokens(data, where))
    for before, mark, token in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if before.text == field and mark.text == b":" and token.kind == "text":
            parts += [data[begin : token.start + 1], change(token.text[1:-1])]
            begin = token.end - 1
    return b"".join([*parts, data[begin:]])


def quoted(text: str) -> str:
    """Return a text as a string of the text format."""
    spelled = [
        f"\\{sign}" if sign in '"\\' else sign if sign.isprintable() else _octal(sign) for sign in text
    ]
    return f'"{"".join(spelled)}"'


def _octal(sign: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in sign.encode(errors="replace"))


def _tokens(data: bytes, where: str) -> Iterator[_Token]:
    open_now: list[bytes] = []
    position = 0
    while position < len(data):
        found = _TOKEN.match(data, position)
        if found is None or found.lastgroup is None:
            raise _broken(where, data, position)
        text, position = found[0], found.end()
        if found.lastgroup == "close" and (not open_now or _CLOSES[open_now.pop()] != text):
            raise _broken(where, data, found.start())
        if found.lastgroup != "skip":
            yield _Token(found.lastgroup, text, found.start(), len(open_now))
        if found.lastgroup == "open":
            open_now.append(text)
            if len(open_now) > _MAX_DEPTH:
                raise _broken(where, data, found.start())
    if open_now:
        raise _broken(where, data, position)


def _broken(where: str, data: bytes, position: int) -> InvalidValue:
    line = data.count(b"\n", 0, position) + 1
    return InvalidValue(
        "not protobuf's text format",
        where=f"{where}, line {line}",
        expected="fields with values, brackets and quotes that are closed",
        hint="Check the file with Triton, then register it again.",
    )


def _fields(data: bytes, where: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield a message's own fields: the name, where it begins, and where its value ends, with a final comma."""
    tokens = list(_tokens(data, where))
    index = 0
    while index < len(tokens):
        name = tokens[index]
        last = _value_ends(tokens, index + 1)
        if last is None or not _NAME.fullmatch(name.text):
            raise _broken(where, data, name.start)
        if last + 1 < len(tokens) and tokens[last + 1].text in {b",", b";"}:
            last += 1
        yield name.text, name.start, tokens[last].end
        index = last + 1


def _value_ends(tokens: list[_Token], index: int) -> int | None:
    """Return the last token of the value that begins here: a message, a list, a word, or texts in a row.

    None where there is none; only messages and lists of them come without a colon.
    """
    colon = index < len(tokens) and tokens[index].text == b":"
    index += colon
    if index >= len(tokens) or tokens[index].kind not in ({"open", "text", "word"} if colon else {"open"}):
        return None
    if tokens[index].kind == "open":
        depth = tokens[index].depth
        while tokens[index].kind != "close" or tokens[index].depth != depth:
            index += 1
        return index
    if tokens[index].kind == "text":
        while index + 1 < len(tokens) and tokens[index + 1].kind == "text":
            index += 1
    return index
