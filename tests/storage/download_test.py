"""A file of a web server is fetched, or refused in one message."""

import re
import socket
import threading

import pytest

from inference_scaling import storage
from tests.storage import servers


@pytest.fixture(name="url", scope="module")
def _url(tmp_path_factory):
  folder = tmp_path_factory.mktemp("served")
  (folder / "a.py").write_text("x = 1\n")
  (folder / "page.html").write_text("<html></html>")
  (folder / "long.py").write_bytes(b"#" * (2**20 + 1))
  with servers.files(folder) as url:
    yield url


def test_a_file_is_fetched_under_its_name(url, tmp_path):
  path = storage.download(f"{url}/a.py?raw=true", tmp_path)
  assert path == tmp_path / "a.py" and path.read_text() == "x = 1\n"


@pytest.mark.parametrize(
  ("name", "words"),
  [
    ("b.py", "/b.py: the server says 404 File not found. Check the address"),
    ("page.html", "page.html is a page that shows a file, .*//raw.github"),
    ("long.py", "long.py is longer than 1 MiB; expected a short file"),
  ],
)
def test_what_is_no_short_file_is_refused(url, tmp_path, name, words):
  with pytest.raises(OSError, match=words):
    storage.download(f"{url}/{name}", tmp_path)
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
  "url", ["http://127.0.0.1:1/a.py", "http://127.0.0.1:port/a.py", "http://"]
)
def test_a_server_that_is_not_there_is_named(url, tmp_path):
  with pytest.raises(OSError, match=f"{re.escape(url)} cannot be fetched: .+"):
    storage.download(url, tmp_path)


@pytest.mark.parametrize(
  ("answer", "words"),
  [
    (b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nx = 1\n", "IncompleteRead"),
    (b"SSH-2.0-OpenSSH_9.6\r\n", "SSH-2.0-OpenSSH_9.6. Check the address"),
    (b"HTTP/1.0 503 away\x0btoday\r\n\r\n", "the server says 503 away today."),
  ],
)
def test_a_broken_answer_is_told_in_one_line(tmp_path, answer, words):
  with socket.create_server(("127.0.0.1", 0)) as server:

    def serve():
      connection, _ = server.accept()
      with connection:
        connection.recv(4096)
        connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with pytest.raises(OSError, match=words) as caught:
      storage.download(
        f"http://127.0.0.1:{server.getsockname()[1]}/a.py", tmp_path
      )
    thread.join()
  assert len(str(caught.value).splitlines()) == 1
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
  ("url", "expected"),
  [("https://h/a.py", True), ("http://h", True), ("s3://b/a", False),
   ("HTTPS://h/a.py", True),
   ("https", False), ("a/https://b", False)],
)  # fmt: skip
def test_what_a_web_server_has(url, expected):
  assert storage.is_web(url) == expected
