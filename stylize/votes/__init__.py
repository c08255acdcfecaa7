"""What people prefer: their votes on pairs of results, methods ranked by them, and which scores agree with people."""

from stylize.votes.agreement import agreement
from stylize.votes.ranking import compare_pairs, rank
from stylize.votes.store import SCHEMA, VoteStore, read_votes

__all__ = ["SCHEMA", "VoteStore", "agreement", "compare_pairs", "rank", "read_votes"]
