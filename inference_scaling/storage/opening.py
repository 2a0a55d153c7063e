"""Chooses the storage of a path or an address."""

import pathlib

from inference_scaling.storage import local, objects
from inference_scaling.storage import store as store_lib


def is_remote(url: str | pathlib.Path) -> bool:
  """Whether it is the address of an object store; a path is none."""
  protocol, divided, _ = str(url).partition("://")
  return bool(divided) and protocol != "file"


def open_store(url: str | pathlib.Path) -> store_lib.Store:
  """Opens the storage of a path or an address.

  Args:
    url: a path of a local file system or of one that hosts share, or an address
      such as s3://bucket/folder.

  Returns:
    The store.

  Raises:
    OSError: if stores of this kind cannot be opened, with what is missing.
  """
  if is_remote(url):
    return objects.ObjectStore(str(url))
  return local.LocalStore(url)
