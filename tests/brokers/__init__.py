"""Real brokers on loopback for tests, with the settings that the contract asks for."""
