"""Lets the tests in the folders below use the modules of this one."""
