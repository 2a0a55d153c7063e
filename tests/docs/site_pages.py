"""Which files are pages of the site: a hook of MkDocs, named in mkdocs.yml.

The READMEs stay where they stand beside the code, and are pages there. Beside
them come the notebooks, the files of code that a page links to, and the API.
Other files come in only where a page links to them, so that no record and no
weight does.
"""

import pathlib
import posixpath
import re

import api_pages
import notebook_pages
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure import files as files_lib
from mkdocs.structure import pages as pages_lib
from pygments.formatters import html

ROOT = pathlib.Path(__file__).parents[2]
FOLDERS = ("configs", "launch", "inference_scaling")
LINK = re.compile(r"(?<=\]\()([^)\s#:]+)(?=[)#])")
# Shown as a page of their own: a browser would only save them.
SHOWN = (".py", ".ipynb")
CONCEPTS = "inference_scaling/README.md"
STYLES = ("tests/docs/site.css", "pygments.css")
# Of a figure, that its report names and that is not stored with it.
_NO_FILE = re.compile(r" \(\[PDF\]\(figures/\w+\.pdf\)\)")
_ARROWS = re.compile(r"```mermaid\nflowchart BT\n(.*?)```", re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
  """Adds the notebooks and the API to the menu."""
  titles = {
    notebook_pages.title(path): f"{_uri(path)}.md" for path in _notebooks()
  }
  config.nav += [
    {"Notebooks": _entries(titles)},
    {"API": _entries(api_pages.menu())},
  ]
  config.extra_css += STYLES
  return config


def on_files(files: files_lib.Files, config: MkDocsConfig) -> files_lib.Files:
  """Replaces the files of the folder of documents by those of the site."""
  texts = _texts()
  linked = {link for uri, text in texts.items() for link in _links(uri, text)}
  listings = {
    f"{uri}.md": f"# {uri}\n\n````python\n{_read(ROOT / uri)}````\n"
    for uri in linked
    if uri.endswith(".py")
  }
  colours = html.HtmlFormatter(style="default").get_style_defs(".highlight")
  copied = [STYLES[0]] + [
    uri
    for uri in linked
    if not uri.endswith((".md", *SHOWN)) and (ROOT / uri).is_file()
  ]
  made = {**texts, **listings, **api_pages.pages(), STYLES[1]: colours}
  generated = files_lib.File.generated
  return files_lib.Files(
    # Those of the theme.
    [file for file in files if file.src_dir != config.docs_dir]
    + [generated(config, uri, content=made[uri]) for uri in made]
    + [
      generated(config, uri, abs_src_path=str(ROOT / uri))
      for uri in sorted(copied)
    ]
  )


def on_page_markdown(markdown: str, page: pages_lib.Page, **_: object) -> str:
  """Leads links to code to the pages that show it; arrows become a table."""
  markdown = LINK.sub(
    lambda link: link[1] + ".md" * link[1].endswith(SHOWN), markdown
  )
  if page.file.src_uri == "README.md":
    markdown = markdown.replace("\n## ", f"\n{_concepts()}\n\n## ", 1)
  return _ARROWS.sub(lambda block: _table(block[1]), markdown)


def _concepts() -> str:
  """The picture of the page on concepts, for the first page."""
  text = _read(ROOT / CONCEPTS)
  (alternative,) = re.findall(r"!\[(.*?)\]\(concepts\.svg\)", text)
  picture = f"{posixpath.dirname(CONCEPTS)}/concepts.svg"
  return f"## In one picture\n\n[![{alternative}]({picture})]({CONCEPTS})"


def _texts() -> dict[str, str]:
  """The pages that people write, by their paths."""
  paths = [
    ROOT / "README.md",
    *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md")),
  ]
  texts = {_uri(path): _NO_FILE.sub("", _read(path)) for path in sorted(paths)}
  shown = {
    f"{_uri(path)}.md": notebook_pages.page(path) for path in _notebooks()
  }
  return texts | shown


def _links(uri: str, text: str) -> list[str]:
  """Files that a page links to, as paths from the repository's root."""
  folder = posixpath.dirname(uri)
  return [
    posixpath.normpath(posixpath.join(folder, link))
    for link in LINK.findall(text)
  ]


def _table(arrows: str) -> str:
  """A picture that GitHub draws, as a table of what imports from what."""
  rows: dict[str, list[str]] = {}
  for arrow in arrows.strip().splitlines():
    package, _, other = arrow.strip().partition(" --> ")
    rows.setdefault(package, []).append(f"`{other}`")
  lines = [f"| `{name}` | {', '.join(of)} |" for name, of in rows.items()]
  return "\n".join(["| package | imports from |", "|---|---|", *lines, ""])


def _entries(titles: dict[str, str]) -> list[dict[str, str]]:
  return [{title: uri} for title, uri in titles.items()]


def _notebooks() -> list[pathlib.Path]:
  return sorted(ROOT.glob("colab/*.ipynb"))


def _read(path: pathlib.Path) -> str:
  return path.read_text(encoding="utf-8")


def _uri(path: pathlib.Path) -> str:
  return path.relative_to(ROOT).as_posix()
