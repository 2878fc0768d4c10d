"""Any endpoint that speaks OpenAI's protocol: chat and embeddings."""
