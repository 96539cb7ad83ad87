"""What a receiver needs: verify, order, find gaps, store and give receipts."""
