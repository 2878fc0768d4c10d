"""Examples in, weights out: gate, recipes, one training loop, and the registry of checkpoints."""
