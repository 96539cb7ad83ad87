"""The verbs of `piazza`, one file each, imported only when called."""
