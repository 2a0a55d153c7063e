"""Each kind of storage."""

import secrets

import pytest

from inference_scaling import storage
from tests.storage import servers

KINDS = ("local", "memory", "s3", "gcs")


@pytest.fixture(scope="session")
def s3():
  with servers.s3() as url:
    yield url


@pytest.fixture(scope="session")
def gcs():
  with servers.gcs() as url:
    yield url


@pytest.fixture(scope="session", params=KINDS)
def root(request, tmp_path_factory):
  """Address of a folder in which tests have folders of their own."""
  if request.param == "local":
    return str(tmp_path_factory.mktemp("stores"))
  if request.param == "memory":
    return "memory://stores"
  return request.getfixturevalue(request.param)


@pytest.fixture
def new_url(root):
  """Makes the address of a folder in which nothing is yet."""
  return lambda: f"{root}/{secrets.token_hex(6)}"


@pytest.fixture
def store(new_url):
  return storage.open_store(new_url())
