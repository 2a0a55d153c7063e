"""What the READMEs name exists: pages, headings, files, flags and keys."""

import importlib
import pathlib
import re

import ml_collections
import pytest

from inference_scaling.spec import keys

ROOT = pathlib.Path(__file__).parents[1]
FOLDERS = ("configs", "launch", "inference_scaling", "tests", "colab")
PAGES = [
  ROOT / "README.md",
  *sorted(
    path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*.md")
    if "results" not in path.parts  # reports, which sweeps make
  ),
]
CODE = re.compile(r"```\w*\n(.*?)```|`([^`]+)`", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def name(path):
  return path.relative_to(ROOT).as_posix()


def text_of(path):
  return path.read_text(encoding="utf-8")


def code_of(path):
  """What stands in backticks, in lines and in blocks."""
  return [block or span for block, span in CODE.findall(text_of(path))]


def commands_of(path):
  """Words of each command that starts a launcher."""
  return [
    command.split()
    for code in code_of(path)
    for command in re.findall(r"python (launch/\w+\.py.*)", code)
  ]


def anchors(path):
  """The parts of a page that links can name, as GitHub makes them."""
  headings = re.findall(r"^#+ (.*)$", text_of(path), re.MULTILINE)
  plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
  return {heading.replace(" ", "-") for heading in plain}


def test_all_pages_are_found():
  assert len(PAGES) > 15
  assert ROOT / "configs" / "KEYS.md" in PAGES


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_a_table_names_a_command_once(path):
  rows = re.findall(r"^\| `(python [^`]+)` \|", text_of(path), re.MULTILINE)
  assert len(rows) == len(set(rows))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
  for link in LINK.findall(text_of(page)):
    if link.startswith("https://"):
      continue
    file, _, anchor = link.partition("#")
    path = page.parent / file if file else page
    assert path.exists(), link
    assert not anchor or anchor in anchors(path), link


def test_every_page_is_linked_from_the_readme():
  seen, left = set(), {PAGES[0]}
  while left:
    page = left.pop()
    seen.add(page)
    files = {link.partition("#")[0] for link in LINK.findall(text_of(page))}
    paths = {(page.parent / file).resolve() for file in files if file}
    left |= {path for path in paths & set(PAGES)} - seen
  assert seen == set(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_exist(page):
  for code in code_of(page):
    for path in re.findall(
      rf"(?<![\w/.])(?:{'|'.join(FOLDERS)})/[\w./]*", code
    ):
      assert (ROOT / path.rstrip(".")).exists(), path
    # Those of the user's own are called my_models.py and the like.
    if re.fullmatch(r"(?!my_)\w+\.py", code):
      assert (page.parent / code).exists(), code


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_launchers_have_the_flags_that_are_named(page):
  package = ROOT / "inference_scaling"
  shared = text_of(package / "launching.py") + text_of(package / "cluster.py")
  shared += text_of(package / "sweep" / "executors" / "options.py")
  for launcher, *words in commands_of(page):
    source = text_of(ROOT / launcher) + shared
    for flag in [word for word in words if word.startswith("--")]:
      named = re.match(r"--(\w+)", flag)[1]
      assert f'"{named}"' in source, (launcher, flag)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_configs_that_are_named_can_be_read(page):
  for words in commands_of(page):
    given = dict(
      word.removeprefix("--").split("=", 1) for word in words if "=" in word
    )
    # One of the user's own stands on the page.
    if given.get("config", "my_").startswith("my_"):
      continue
    file, _, argument = given["config"].partition(":")
    module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
    config = module.get_config(*[argument] * bool(argument))
    assert isinstance(config, ml_collections.ConfigDict)
    for flag in [name for name in given if name.startswith("config.")]:
      value = config
      for key in flag.split(".")[1:]:
        value = value[key]  # raises where there is no such key


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_keys_of_configs_exist(page):
  known = keys.page()
  for code in code_of(page):
    for key in re.findall(r"(?<![\w.])config(?:\.[a-z_]+)+", code):
      key = re.sub(r"^config\.policies\.\w+$", "config.policies", key)
      if key != "config.json":
        assert f"`{key}`" in known, key


def test_the_readme_is_short():
  lines = text_of(ROOT / "README.md").splitlines()
  assert len(lines) <= 150


@pytest.mark.parametrize(
  "page", [p for p in PAGES if "assets" not in p.parts], ids=name
)
def test_lines_are_short_but_for_tables(page):
  for line in text_of(page).splitlines():
    alone = line.startswith(("|", "![", "python launch/"))
    assert alone or len(line) <= 120, line


def test_the_example_of_the_types_runs():
  page = ROOT / "inference_scaling" / "spec" / "README.md"
  (example,) = re.findall(r"```python\n(.*?)```", text_of(page), re.DOTALL)
  exec(example, {})  # it asserts
