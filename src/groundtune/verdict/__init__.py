"""Constraints, evidence and cost made into one recommendation, and the report that shows it."""
