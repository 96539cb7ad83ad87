"""Hundreds of nodes in one process, to try brokers and stores with real envelopes before real nodes are there.

    life (what a node sees) -> real door, chain and signature -> real window and transport -> broker

Content runs on a simulated clock, connections and waits on the real one. No outbox lies between: what a
simulated node has not yet been thanked for is in memory only.
"""
