"""Everything that an engineer without Python needs of a generated component, as one folder."""

from .folder import BUNDLES, write_bundle

__all__ = ["BUNDLES", "write_bundle"]
