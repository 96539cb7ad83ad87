"""Models of the node: which file may be run, with what runtime, and whether it answers as it should.

A floor below the rooms, because seeing and listening both stand on it. It knows neither pixels nor sound.
"""
