"""Files that several hosts read and write: a file system or an object store."""

from inference_scaling.storage.local import LocalStore
from inference_scaling.storage.store import Store, open_store

__all__ = ["LocalStore", "Store", "open_store"]
