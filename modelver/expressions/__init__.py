"""CEL, the Common Expression Language: one language for search, gates and guards (https://cel.dev, cel-spec 0.24)."""

from modelver.expressions.checks import GUARD_VARIABLES
from modelver.expressions.expression import Absent, Expression, parse

__all__ = ["GUARD_VARIABLES", "Absent", "Expression", "parse"]
