"""Retrieval measured by itself, without any generation."""
