"""report.html: whole by itself, and alive in a browser of either width."""

import html.parser
import re

import pandas as pd
import pytest

from inference_scaling import analysis
from inference_scaling.analysis import files, frames, wording
from inference_scaling.analysis.figures import hover, style
from inference_scaling.analysis.report.page import page as page_lib
from tests.analysis import browser, factory
from tests.analysis.report.page import sweeps

DRAWN = "error_vs_flops"
HOSTILE_PROBLEM, OTHER_PROBLEM, UNSOLVED_PROBLEM = 100, 103, 105


def _save_one(figure, folder, name):
  """Renders one figure of all, which would take most of the time."""
  if name == DRAWN:
    files.write(folder / f"{name}.svg", hover.svg(figure, name))


def write(folder, records, **options):
  factory.write(folder, records)
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(style, "save", _save_one)
    report = analysis.write_report(folder, num_subsets=5, **options)
  return report.with_name("report.html")


@pytest.fixture(name="records", scope="module")
def _records():
  records = sweeps.sweep()
  for record in records:
    for candidate in record["candidates"]:
      number, answer = record["problem"]["id"], candidate["answer"]
      if number == UNSOLVED_PROBLEM and answer is not None:
        candidate |= {"answer": "7", "correct": False}
      if number == HOSTILE_PROBLEM and answer not in (None, "42"):
        candidate["answer"] = sweeps.HOSTILE
    record["votes"] = factory.votes(record["candidates"])
  return records


@pytest.fixture(name="path", scope="module")
def _path(records, tmp_path_factory):
  return write(tmp_path_factory.mktemp("sweep"), records)


@pytest.fixture(name="page", scope="module")
def _page(path):
  return path.read_text("utf-8")


class _Page(html.parser.HTMLParser):
  """Collects elements and the texts of each kind of them."""

  def __init__(self, page):
    super().__init__()
    self.elements, self.texts = [], {}
    self.feed(page)

  def handle_starttag(self, tag, attrs):
    self.elements.append((tag, dict(attrs)))
    self.texts.setdefault(tag, []).append("")

  def handle_startendtag(self, tag, attrs):
    self.elements.append((tag, dict(attrs)))

  def handle_data(self, data):
    if self.elements and self.texts.get(self.elements[-1][0]):
      self.texts[self.elements[-1][0]][-1] += data


def test_it_is_one_whole_page_that_loads_nothing(page):
  parsed = _Page(page)
  ids = [a["id"] for _, a in parsed.elements if "id" in a]
  for tag, attributes in parsed.elements:
    assert tag not in ("link", "img", "iframe", "base", "object", "image")
    assert not {"src", "onclick", "onerror"} & attributes.keys()
    link = attributes.get("href", "#")
    assert link[0] == "#" and (link == "#" or link[1:] in ids)
  # Those of controls that are copied from a template stand once in use.
  assert len(ids) == len(set(ids))
  assert "url(" not in "".join(parsed.texts["style"])
  assert not re.search(r"\{[{%#]", page.split("<script", maxsplit=1)[0])
  assert "hacked" not in page  # texts of problems are packed


def test_it_has_the_sections_and_the_tables_of_the_report(path, page):
  text = path.with_name("report.md").read_text("utf-8")
  parsed = _Page(page)
  titles = [t.strip() for t in parsed.texts["h2"] if t.strip()]
  for title in re.findall(r"^## (.+)$", text, re.MULTILINE):
    assert title.split("`")[0].strip() in " ".join(titles)
  cells = [
    cell.strip() for line in text.splitlines() if line.startswith("| small")
    for cell in line.strip("|").split("|")
  ]  # fmt: skip
  shown = {text.strip() for text in parsed.texts["td"]}
  assert len(cells) > 100
  assert {cell for cell in cells if not re.search(r"[*`]", cell)} <= shown


USE = """
  const visible = (element) => Boolean(element?.getClientRects().length);
  await until(() => all("#list tbody tr").length);
  report.width = innerWidth;
  const root = document.documentElement;
  const wide = () => root.scrollWidth - root.clientWidth;
  report.scrolls = [wide()];

  // Values at a marker.
  const marker = document.querySelector(".drawing use[aria-label]");
  marker.dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));
  const tip = document.getElementById("tip");
  report.tip = visible(tip) && tip.textContent;
  document.body.dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));
  report.tipAway = !visible(tip);

  // The same by the keyboard.
  const chart = document.getElementById("chart");
  const drawings = [marker.closest(".drawing"), chart];
  const press = async (drawing, key) => {
    drawing.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
    await until(() => visible(tip) === (key !== "Escape"));
    return visible(tip) && tip.textContent;
  };
  report.keys = [];
  for (const drawing of drawings) {
    const texts = [];
    drawing.focus();
    for (const key of ["ArrowRight", "ArrowRight", "ArrowLeft", "Escape"]) {
      texts.push(await press(drawing, key));
    }
    drawing.blur();
    report.keys.push([
      document.activeElement !== drawing && drawing.tabIndex === 0, texts,
      [...drawing.querySelectorAll("[role=img]")].slice(0, 2).map(
        (each) => each.getAttribute("aria-label"))]);
  }

  // The chart, as the reader wants it.
  const choices = document.getElementById("chart-choices");
  const labels = () => all("#chart circle").map(
    (circle) => circle.getAttribute("aria-label"));
  const choose = (name, value) => {
    const input = choices.querySelector(`[name="${name}"]`);
    if (value === undefined) {
      choices.querySelector('[value="sampling"]').checked = false;
    } else input.value = value;
    choices.dispatchEvent(new Event("input", {bubbles: true}));
  };
  report.chart = [labels()];
  report.panels = all("#chart svg").filter(visible).length;
  choose("convention", "full");
  choose("part", "_hard");
  choose("voting", "majority");
  report.chart.push(labels());
  choose("strategy");
  report.chart.push(labels());
  const circle = document.querySelector("#chart circle");
  circle.dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));
  report.circle = visible(tip) && tip.textContent;

  // A table that is sorted: rising, falling, as it was.
  const column = (number) => all("#table_four tbody")[0].rows;
  const read = (at) => [...column()].map((row) => row.cells[at].textContent);
  const head = (at) => all("#table_four thead")[0].rows[0].cells[at];
  report.sorted = [[read(0), read(4)]];
  for (let i = 0; i < 3; i++) {
    head(4).querySelector("button").click();
    report.sorted.push([read(0), read(4), head(4).getAttribute("aria-sort")]);
  }

  head(3).querySelector("button").click();
  report.flops = read(3);

  // Filters and the search.
  const numbers = () => all("#list tbody tr").map(
    (row) => +row.dataset.problem);
  const filters = document.getElementById("filters");
  const set = (selector, value) => {
    const input = filters.querySelector(selector);
    if (input.type === "checkbox") input.checked = value;
    else input.value = value;
    filters.dispatchEvent(new Event("input", {bubbles: true}));
  };
  report.all = numbers();
  set('[name="level"][value="1"]', false);
  report.levels = numbers();
  set('[name="level"][value="1"]', true);
  set("#words", "103");
  report.byNumber = numbers();
  set("#words", "HOW many");
  report.byWords = numbers();
  set("#words", "");
  set("#outcome", "none");
  report.unsolved = numbers();
  set("#outcome", "");
  set('[name="policy"][value="large"]', false);
  set('[name="strategy"][value="sampling"]', false);
  report.count = document.getElementById("count").textContent;
  report.solved = all("#list td.solved").map((cell) => cell.textContent);

  // A problem, with the searches that the filters leave.
  const article = document.getElementById("problem");
  const open = async (id) => {
    document.querySelector(`#list tr[data-problem="${id}"] button`).click();
    await until(() => article.querySelector("h3")?.textContent
      === `Problem ${id}` && article.querySelector(".step"));
  };
  await open(HOSTILE);
  report.question = article.querySelector("blockquote").textContent;
  report.scrolls.push(wide());
  const rows = () => [...article.querySelectorAll(".runs tbody tr")].filter(
    visible);
  report.runs = rows().map(
    (row) => [...row.cells].slice(0, 4).map((cell) => cell.textContent));
  report.search = document.getElementById("search-title").textContent;
  report.link = location.hash;
  await open(OTHER);
  set('[name="policy"][value="large"]', true);
  set('[name="strategy"][value="sampling"]', true);
  report.searches = rows().map((row) => {
    row.querySelector("button").click();
    const view = article.querySelector(".search-view");
    const steps = [...view.querySelectorAll(".step[data-node]")];
    return {
      title: document.getElementById("search-title").textContent,
      steps: steps.map((step) => step.outerHTML.replaceAll('"', "'")),
      shown: steps.filter(visible).length,
      lines: [...view.querySelectorAll(".lines")].map((e) => e.innerHTML),
      style: view.querySelector(".tree").getAttribute("style"),
      tables: [...view.querySelectorAll("td, th")].map((e) => e.textContent),
      summaries: [...view.querySelectorAll("summary .answer, summary b")].map(
        (e) => e.textContent),
      texts: [...view.querySelectorAll("details pre")].map(
        (e) => e.textContent),
      summary: view.querySelector(".summary").textContent,
    };
  });
  report.scrolls.push(wide());
  const step = article.querySelector(".step.finished, .step.truncated");
  step.click();
  report.chosen = +article.querySelector(".step.chosen").dataset.node;
  report.panel = article.querySelector("#panel li:last-child span").textContent;
  article.querySelector(".close").click();
  report.closed = !visible(article);
  report.requests = performance.getEntriesByType("resource").length;
  report.hacked = "hacked" in window;
""".replace("HOSTILE", str(HOSTILE_PROBLEM)).replace(
  "OTHER", str(OTHER_PROBLEM)
)


@pytest.fixture(name="used", scope="module", params=[1280, 390])
def _used(request, page, tmp_path_factory):
  """What the page shows while it is used, at desktop and phone width."""
  folder = tmp_path_factory.mktemp("browser")
  state = browser.drive(
    page, USE, folder, width=request.param, dark=request.param == 390
  )
  assert state["errors"] == []
  assert state["width"] == request.param
  return state


def test_the_page_does_not_scroll_sideways_and_asks_for_nothing(used):
  assert used["scrolls"] == [0, 0, 0]
  assert used["requests"] == 0 and not used["hacked"]


def test_a_marker_tells_its_values(used):
  assert used["tipAway"]
  lines = used["tip"].split("\n")
  assert re.fullmatch(r"(small|large), Greedy, n = 1", lines[0])
  assert re.fullmatch(r"accuracy [\d.]+ \[[\d.]+, [\d.]+\] %", lines[1])
  assert re.fullmatch(r"[\d.e+]+ FLOPs per problem", lines[2])


def test_arrow_keys_tell_the_values_of_a_figure(used):
  for reached, told, (first, second) in used["keys"]:
    assert reached and told == [first, second, first, False]
    assert first != second


@pytest.mark.parametrize(
  ("choice", "part", "convention", "voting", "sampling"),
  [
    (0, "", "paper", "weighted", True), (1, "_hard", "full", "majority", True),
    (2, "_hard", "full", "majority", False),
  ],
)  # fmt: skip
def test_the_chart_has_the_points_of_the_choice(
  used, path, choice, part, convention, voting, sampling
):
  summary = pd.read_csv(path.with_name("summary.csv"), keep_default_na=False)
  expected = []
  for row in frames.records(summary):
    wanted = "majority" if row["strategy"] == "greedy" else voting
    fits = row["voting"] == wanted and row["aggregation"] in ("none", "last")
    if not fits or (row["strategy"] == "sampling" and not sampling):
      continue
    mean, low, high = (
      100 * float(row[f"{name}{part}"]) for name in ("accuracy", "low", "high")
    )
    expected.append(
      f"{row['policy']}, {wording.method(row['strategy'], row['voting'])},"
      f" n = {row['n']}\naccuracy {mean:.1f} [{low:.1f}, {high:.1f}] %"
    )
  labels = used["chart"][choice]
  assert sorted(label.rpartition("\n")[0] for label in labels) == sorted(
    expected
  )
  assert all(
    label.endswith(f" FLOPs per problem ({convention})") for label in labels
  )
  assert used["panels"] == 2 and used["circle"] == used["chart"][2][0]


def test_a_click_sorts_numbers_as_numbers(used):
  before, rising, falling, after = used["sorted"]
  numbers = [float(text.split()[0]) for text in before[1]]
  values = [[float(t.split()[0]) for t in each[1]] for each in used["sorted"]]
  assert len(set(numbers)) > 3 and numbers != sorted(numbers)
  assert values[1] == sorted(numbers)
  assert values[2] == sorted(numbers, reverse=True)
  assert [rising[2], falling[2], after[2]] == [
    "ascending",
    "descending",
    "none",
  ]
  # By their size, which is not the order of their letters.
  assert list(map(float, used["flops"])) == sorted(map(float, used["flops"]))
  assert used["flops"] != sorted(used["flops"])
  # A policy is named once, and on every row where the rows are mixed.
  assert before[0].count("") > 4 and "" not in rising[0] + falling[0]
  assert after[:2] == before


def test_filters_and_the_search_find_problems(used, records):
  assert used["all"] == list(range(100, 106))
  levels = {r["problem"]["id"]: r["problem"]["level"] for r in records}
  assert used["levels"] == [p for p in used["all"] if levels[p] != 1]
  assert used["byNumber"] == [103]
  assert used["byWords"] == list(range(101, 106))
  vote = "weighted/last"
  right = {p: 0 for p in used["all"]}
  few = dict(right)
  for record in records:
    solved = record["votes"][vote]["correct"]
    right[record["problem"]["id"]] += solved
    run = record["run"]
    if run["policy"] == "small" and run["strategy"] != "sampling":
      few[record["problem"]["id"]] += solved
  assert used["unsolved"] == [p for p in right if not right[p]] != []
  assert used["count"] == "6 of 6 problems, 3 of 8 runs"
  assert used["solved"] == [f"{few[p]} of 3" for p in used["all"]]


def test_texts_of_others_stay_texts(used):
  assert used["question"] == sweeps.HOSTILE.strip()
  assert used["runs"] == [
    ["small", "Greedy", "1", "0"], ["small", "REBASE", "2", "0"],
    ["small", "REBASE", "4", "0"],
  ]  # fmt: skip
  assert used["search"] == "small, REBASE, n = 4, seed 0"
  assert "problem=100" in used["link"]
  assert used["closed"]


def test_a_search_has_the_markup_of_its_own_page(used, records):
  own = [r for r in records if r["problem"]["id"] == OTHER_PROBLEM]
  assert len(used["searches"]) == len(own) == 8
  by_title = {each["title"]: each for each in used["searches"]}
  for record in own:
    run = record["run"]
    name = {"greedy": "Greedy", "sampling": "Sampling", "rebase": "REBASE"}
    search = by_title[
      f"{run['policy']}, {name[run['strategy']]}, n = {run['n']},"
      f" seed {run['seed']}"
    ]
    page = analysis.tree_page(record)
    steps = re.findall(
      r"<button type=.button. class=.step.*?</button>", page, re.S
    )
    assert [_parts(s) for s in search["steps"]] == [_parts(s) for s in steps]
    assert search["shown"] == len(record["tree"]["parents"])
    lines = re.findall(r'<svg class="lines.*?>(.*?)</svg>', page)
    for one, other in zip(search["lines"], lines, strict=True):
      # A tenth of a pixel may be rounded either way.
      assert _numbers(one) == pytest.approx(_numbers(other), abs=0.11)
    style = re.search(r'id="tree" style="(.*?)"', page)[1]
    assert _style(search["style"]) == _style(style)
    plain = html.unescape(re.sub(r"<[^>]*>", "", page))
    assert all(text.strip() in plain for text in search["tables"])
    assert _singular(search["summary"]) in _singular(page)
    texts = sorted(c["text"].strip() for c in record["candidates"])
    assert sorted(search["texts"]) == texts


def _singular(text):
  return re.sub(r"(step|candidate)s", r"\1", re.sub(r"\s+", " ", text))


def _numbers(lines):
  """Positions and widths of lines."""
  parts = re.findall(r' (?:d|stroke-width)="(.*?)"', lines)
  return [float(n) for part in parts for n in re.findall(r"[\d.]+", part)]


def _parts(markup):
  """Tags with their attributes, and the texts between, of one step."""
  parsed = _Page(markup.replace("\n", ""))
  elements = [
    (tag, a | {"tabindex": "", "style": _style(a.get("style", ""))})
    for tag, a in parsed.elements
  ]
  return elements, {tag: texts for tag, texts in parsed.texts.items()}


def _style(text):
  """Properties by name; the script of the tree adds its zoom."""
  pairs = [pair.split(":") for pair in text.split(";") if pair.strip()]
  return {
    name.strip(): re.sub(r"\.0$", "", value.strip())
    for name, value in pairs
    if name.strip() != "--zoom"
  }


def test_a_step_is_read_at_a_click(used, records):
  last = used["searches"][-1]["steps"][used["chosen"]]
  assert used["panel"] in html.unescape(last)


def test_a_large_sweep_says_what_is_left_out(page, tmp_path, monkeypatch):
  monkeypatch.setattr(page_lib, "MOST_CHARACTERS", 0)
  records = sweeps.sweep(6, ("small",), (("greedy", 1),))
  few = write(tmp_path / "sweep", records).read_text("utf-8")
  assert "0 of 6 problems are on this page" in few
  assert "Left out: 100 to 105." in few and ' data-problem="' not in few
  assert "Left out" not in page
  numbers = re.findall(r' data-problem="(\d+)"', page)
  assert list(map(int, numbers)) == list(range(100, 106))


def test_without_any_answer_the_searches_can_be_looked_at(tmp_path):
  records = sweeps.sweep(2, ("small",), (("sampling", 2),))
  for record in records:
    for candidate in record["candidates"]:
      candidate |= {"answer": None, "correct": False, "status": "truncated"}
    none = {"answer": None, "correct": False}
    record["votes"] = dict.fromkeys(record["votes"], none)
  page = write(tmp_path / "sweep", records).read_text("utf-8")
  assert "No candidate of small has an answer" in page
  assert page.count('<script type="text/plain" data-problem=') == 2


def test_a_report_of_several_folders_has_the_searches_of_all(tmp_path):
  folders = []
  for name in ("small", "large"):
    records = sweeps.sweep(3, (name,), (("sampling", 2),))
    folders.append(factory.write(tmp_path / name, records))
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(style, "save", _save_one)
    report = analysis.write_report(folders, tmp_path / "joined", num_subsets=5)
  page = report.with_name("report.html").read_text("utf-8")
  assert 'value="small"' in page and 'value="large"' in page
  assert page.count('<script type="text/plain" data-problem=') == 3
