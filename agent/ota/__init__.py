"""Updates over the air: who may order them, how they travel, how a node takes them in or puts them back.

    authority --signed metadata--> publisher --bundle, chunks--> node: check -> stage -> trial -> commit | roll back

The invariants: a node runs only what the thresholds of TUF signed, never anything older than it has
seen, never a configuration that loosens a floor without the comune's second key; and whatever fails
at whatever moment, it ends with the old release whole or the new one whole.
"""
