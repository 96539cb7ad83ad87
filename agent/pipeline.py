"""How the rooms join: watch (frames to observations), sense (all sources merged), decide (observations to records)."""
