"""A union of comuni that does not exist, with real envelopes: what a new user looks at first.

    script (what happens when)  ->  nodes (seal it)  ->  a real broker  ->  store, console, exports

The invariant: one seed gives one story, whoever looks at it and on whatever machine.
"""
