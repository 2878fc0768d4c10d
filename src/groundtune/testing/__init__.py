"""Fakes that ship with the product: what the tests run on, and what an implementer may."""
