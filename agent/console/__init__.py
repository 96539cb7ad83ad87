"""The control room: a page for the operators of a comune, of the union and of the police.

    broker -> news -> Desk (what is open, who is silent) -> live stream -> page
    store  -> Archive (history, weeks, chains)           -> answers     -> page

The invariant: whoever looks sees what the rights of their role cover at that instant, and nothing else.
"""
