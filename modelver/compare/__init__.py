"""Two versions side by side: what differs, and the bump that this calls for. Pure: it reads nothing and changes nothing."""

from modelver.compare.bump import BumpAdvice, required_bump
from modelver.compare.comparison import Comparison, compare
from modelver.compare.side import Side

__all__ = ["BumpAdvice", "Comparison", "Side", "compare", "required_bump"]
