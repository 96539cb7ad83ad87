"""From events to signed envelopes that wait in a durable outbox until the store has them."""
