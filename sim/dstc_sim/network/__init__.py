"""Whole networks: where their cycles go."""

from .profile import Source, profile_works

__all__ = ["Source", "profile_works"]
