"""The embedded model: a small encoder that embeds, reads and chooses, without torch and without a network."""
