"""What agent runtimes need to find when they start, and what they write down themselves.

Claude Code in full, whatever has its files too (the fake agent), and of others what their own
options allow. Never types, never reads a screen, and never answers a question for anybody.
"""

from reconciler.adapters.claude_code.outfitter import Outfits
from reconciler.adapters.claude_code.records import RuntimeRecords

__all__ = ["Outfits", "RuntimeRecords"]
