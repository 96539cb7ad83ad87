"""What a configuration may say of rules: a tagged union on `kind`."""

from __future__ import annotations
