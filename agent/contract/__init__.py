"""The wire contract: what a node, a store and a subscriber must agree on, and nothing else.

No I/O and no network. `uplink/` and `subscriber/` both stand on it, so neither knows the other.
"""
