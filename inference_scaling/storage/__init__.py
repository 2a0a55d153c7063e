"""Files that several hosts read and write: a file system or an object store."""

from inference_scaling.storage.download import download, is_web
from inference_scaling.storage.local import LocalStore
from inference_scaling.storage.mirror import Mirror, default_folder
from inference_scaling.storage.objects import ObjectStore
from inference_scaling.storage.opening import is_remote, open_store
from inference_scaling.storage.store import Store

__all__ = [
  "LocalStore",
  "Mirror",
  "ObjectStore",
  "Store",
  "default_folder",
  "download",
  "is_remote",
  "is_web",
  "open_store",
]
