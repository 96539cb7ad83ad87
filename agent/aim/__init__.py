"""Commissioning on a phone: steps with measured pass or fail, for who stands in front of the node.

The invariant: the picture shown is the one without people that sense draws while commissioning is open, and what is
drawn here becomes the node's document only through the same checks as any other document.
"""
