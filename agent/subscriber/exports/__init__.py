"""Verified envelopes in the words of other systems; each is checked against that system's own schema.

The invariant: an export says nothing that the envelope does not say.
"""
