"""Ed25519 verified by libsodium where it is installed, which takes half of OpenSSL's time; the only import of PyNaCl.

The invariant: what is genuine does not depend on what is installed. libsodium refuses all that OpenSSL refuses, and
keys and points of small order besides; so its yes is final, and whoever hears its no asks OpenSSL.
"""

from __future__ import annotations

try:
    from nacl.bindings import crypto_sign_open
    from nacl.exceptions import BadSignatureError
except ImportError:  # the extra `store` is not installed
    THERE = False
else:
    THERE = True


def surely(public: bytes, signature: bytes, signed: bytes) -> bool:
    """Whether the key of these 32 bytes signed this; False means only that somebody else has to look."""
    if not THERE or len(signature) != 64:  # noqa: PLR2004 - of RFC 8032; a shorter one would take the rest from what was signed
        return False
    try:
        crypto_sign_open(signature + signed, public)
    except BadSignatureError:
        return False
    return True
