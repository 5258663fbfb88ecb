"""The log of one model, or of the registry: read it, follow it, append to it (docs/format.md, "The log").

A commit is created exclusively under the next number, so writers need no lock and no server: who creates it wins, and
everyone else reads on and proposes again.
"""

from modelver.log.append import Appended, Log, Proposal, check_commit_id
from modelver.log.clock import check_clock
from modelver.log.place import LogPlace

__all__ = ["Appended", "Log", "LogPlace", "Proposal", "check_clock", "check_commit_id"]
