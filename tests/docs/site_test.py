"""The site is whole: built without a warning, and each link leads somewhere."""

import ast
import html.parser
import pathlib
import subprocess
import sys
import urllib.parse

import pytest

from tests import imports, readmes_test

ROOT = pathlib.Path(__file__).parents[2]
FILE = ROOT / "mkdocs.yml"
# What people keep and write of: pages have no need of it.
HEAVY = {".jsonl", ".gguf", ".npz", ".safetensors", ".csv", ".parquet"}
# Reached from pages that speak of them.
BESIDE = ("inference_scaling/assets/", "configs/results/")


def _is_local(link):
  return not urllib.parse.urlsplit(link).scheme


class Page(html.parser.HTMLParser):
  """The links of a page, what it loads, and the anchors that it has."""

  def __init__(self, path):
    super().__init__()
    self.links, self.loaded, self.anchors = [], [], set()
    self.feed(path.read_text("utf-8"))

  def handle_starttag(self, tag, attrs):
    given = dict(attrs)
    self.anchors |= {given[key] for key in ("id", "name") if given.get(key)}
    kinds = {"a": self.links, "link": self.loaded}
    if given.get("href") and tag in kinds:
      kinds[tag].append(given["href"])
    # A picture of another host is a badge, whose text stands in its place.
    if given.get("src") and (tag != "img" or _is_local(given["src"])):
      self.loaded.append(given["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
  """The folder of the site, built from nothing."""
  for package in ("mkdocs", "mkdocstrings_handlers.python", "pymdownx"):
    pytest.importorskip(package, reason='pip install -e ".[docs]" builds it')
  folder = tmp_path_factory.mktemp("site")
  done = subprocess.run(
    [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(FILE),
     "--site-dir", str(folder)],
    capture_output=True, text=True, cwd=folder,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  return folder


@pytest.fixture(scope="module")
def pages(site):
  """All pages but that of the search and the one that is shown for none."""
  return {
    path: Page(path)
    for path in site.rglob("*.html")
    if path not in (site / "404.html", site / "search.html")
  }


def test_every_page_that_people_write_is_in_the_menu():
  menu = FILE.read_text("utf-8").split("\nnav:")[1].split("not_in_nav:")[0]
  names = [readmes_test.name(path) for path in readmes_test.PAGES]
  assert len(names) > 25
  for name in names:
    assert name.startswith(BESIDE) or f": {name}\n" in menu, name


def test_links_and_anchors_of_the_site_lead_somewhere(pages):
  seen = 0
  for path, page in pages.items():
    for link in filter(_is_local, [*page.links, *page.loaded]):
      file, _, anchor = link.partition("#")
      target = (path.parent / urllib.parse.unquote(file)).resolve()
      target = target if file else path
      assert target.is_file(), f"{path.name}: {link}"
      if anchor and target in pages:
        known = pages[target].anchors
        assert urllib.parse.unquote(anchor) in known, f"{path}: {link}"
      seen += 1
  assert seen > 1000


def test_the_picture_of_the_concepts_is_on_the_first_page(pages, site):
  for page in ("index.html", "inference_scaling/index.html"):
    loaded = pages[site / page].loaded
    assert any(link.endswith("concepts.svg") for link in loaded), page


def test_pages_load_nothing_from_other_hosts(pages):
  for path, page in pages.items():
    for link in page.loaded:
      assert _is_local(link), f"{path}: {link}"


def test_the_site_holds_nothing_heavy(site):
  files = [path for path in site.rglob("*") if path.is_file()]
  assert not [path for path in files if path.suffix in HEAVY]
  assert sum(path.stat().st_size for path in files) < 30e6


def test_the_api_has_all_public_names(pages, site):
  packages = sorted(imports.PACKAGE.glob("*/__init__.py"))
  assert len(packages) > 10
  for path in packages:
    package = path.parent.name
    anchors = pages[site / "api" / f"{package}.html"].anchors
    (listed,) = (
      ast.literal_eval(node.value)
      for node in imports.parse(path).body
      if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
    )
    names = {f"inference_scaling.{package}.{name}" for name in listed}
    assert names <= anchors, names - anchors


def test_search_has_more_names_than_help_prints(pages, site):
  anchors = pages[site / "api" / "search.html"].anchors
  for name in ("rebase", "mcts", "Strategy", "per_row", "speculative"):
    assert f"inference_scaling.search.{name}" in anchors
