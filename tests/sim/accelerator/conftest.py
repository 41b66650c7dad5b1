"""Lets the tests in this folder use its modules."""
