"""Is this stream whole? Order, gaps, duplicates and equivocation of one node's envelopes.

No I/O: tokens in, verdicts out. The invariant: `(node, seq)` has one digest for ever.
"""

from __future__ import annotations
