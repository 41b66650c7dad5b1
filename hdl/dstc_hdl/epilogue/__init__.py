"""The epilogue: from the accumulators of one layer to the encoded feature map of the next."""

from .epilogue import Epilogue

__all__ = ["Epilogue"]
