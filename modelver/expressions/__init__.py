"""CEL, the Common Expression Language: one language for search, gates and guards (https://cel.dev, cel-spec 0.24)."""

from modelver.expressions.expression import Absent, Expression, parse

__all__ = ["Absent", "Expression", "parse"]
