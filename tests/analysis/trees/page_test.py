"""The page of a search tree: whole by itself, and alive in a browser."""

import html.parser
import json
import re

import pytest

from inference_scaling import analysis
from tests.analysis import browser, tree_records

HOSTILE = (
  '</script><script>hacked()</script> <b onclick="x"> & "quoted" \\u003c'
)
VOID = {"meta", "input"}


class _Page(html.parser.HTMLParser):
  """Collects elements and texts; every element must be closed in its place."""

  def __init__(self, page):
    super().__init__()
    self.elements, self.open, self.texts = [], [], {}
    self.feed(page)
    assert not self.open

  def handle_starttag(self, tag, attrs):
    self.elements.append((tag, dict(attrs)))
    if tag not in VOID:
      self.open.append(tag)

  def handle_startendtag(self, tag, attrs):
    self.elements.append((tag, dict(attrs)))

  def handle_endtag(self, tag):
    assert self.open.pop() == tag

  def handle_data(self, data):
    tag = self.open[-1] if self.open else ""
    self.texts.setdefault(tag, []).append(data)

  def of_class(self, name):
    return [
      attributes
      for _, attributes in self.elements
      if name in (attributes.get("class") or "").split()
    ]

  @property
  def text(self):
    shown = [" ".join(t) for k, t in self.texts.items() if k != "script"]
    return " ".join(" ".join(shown).split())


def _hostile(record):
  """The same record, in which every text wants to be markup."""
  record["problem"]["question"] = f"How many? {HOSTILE}"
  record["run"]["policy"] = HOSTILE
  texts = [f"{i} {HOSTILE}" for i in range(len(record["tree"]["texts"]))]
  record["tree"]["texts"] = texts
  for candidate in record["candidates"]:
    candidate["text"] = HOSTILE
    if candidate["answer"] == "7":
      candidate["answer"] = HOSTILE
  record["votes"]["majority"] = {"answer": HOSTILE, "correct": False}
  return record


@pytest.mark.parametrize(
  "record",
  [
    tree_records.small(), tree_records.mcts(60), tree_records.copied(),
    tree_records.grown(64, 8, 0),
    tree_records.small() | {"candidates": []}, _hostile(tree_records.mcts(60)),
  ],
  ids=["small", "mcts", "copied", "large", "no candidates", "hostile"],
)  # fmt: skip
def test_it_is_one_whole_page_that_loads_nothing(record):
  text = analysis.tree_page(record)
  page = _Page(text)
  for tag, attributes in page.elements:
    assert tag not in ("link", "img", "iframe", "base", "object")
    assert not {"src", "href", "onclick"} & attributes.keys()
  assert [a.get("type") for t, a in page.elements if t == "script"] == [
    "application/json", None
  ]  # fmt: skip
  style = "".join(page.texts["style"])
  assert "url(" not in style and "@import" not in style
  assert "http" not in text.replace("http-equiv", "")
  assert not re.search(r"\{[{%#]", text)  # of the template
  nodes = len(record["tree"]["parents"])
  steps = [a for a in page.of_class("step") if "data-node" in a]
  assert [int(a["data-node"]) for a in steps] == list(range(nodes))
  assert len(text) < 60_000 + 900 * nodes
  assert page.texts["script"][0] and len(page.texts["script"]) == 2
  data = json.loads(page.texts["script"][0])
  assert data["texts"] == record["tree"]["texts"]
  assert data["parents"] == record["tree"]["parents"]


def test_texts_of_others_stay_texts():
  page = _Page(analysis.tree_page(_hostile(tree_records.mcts(30))))
  assert page.texts["blockquote"] == [f"How many? {HOSTILE}"]
  assert HOSTILE in page.texts["title"][0]
  assert page.of_class("step")[3]["title"] == f"3 {HOSTILE}"
  assert HOSTILE in "".join(page.texts["span"])


def test_it_says_what_the_record_says():
  record = tree_records.small()
  page = _Page(analysis.tree_page(record, label=str.upper))
  for words in (
    "How many?",
    "Problem 7, level 3, answer 42",
    "small, REBASE, n = 3, seed 0",
    "5 steps, 1 of them in no candidate; 3 candidates: 2 finished, 1 cut off",
    *("ONE", "FIVE", "0.75", "42 ✓", "7 ✗", "cut off"),
    *("Majority", "Weighted", "best"),
    *("35 tokens", "7 tokens (20%)", "1.0 MiB"),
    "5.00 \N{MULTIPLICATION SIGN} 10",
  ):
    assert words in page.text
  assert [a["class"] for a in page.of_class("step") if "data-node" in a] == [
    "step", "step lost", "step finished", "step finished", "step truncated",
  ]  # fmt: skip
  lines = [a for tag, a in page.elements if tag == "path"]
  widths = [float(a["stroke-width"]) for a in lines]
  assert widths[0] == pytest.approx(2 * widths[2], rel=0.01)
  assert len(lines) == 5 + 4  # once more without the one given up


def test_without_rewards_or_a_known_answer_nothing_is_judged():
  record = tree_records.small()
  record["tree"]["scores"] = None
  record["problem"]["gold"] = ""
  for candidate in record["candidates"]:
    candidate |= {"step_scores": [], "correct": None}
  record["votes"] = {"majority": {"answer": "42", "correct": None}}
  text = _Page(analysis.tree_page(record)).text
  assert not re.search("[✓✗]|reward 0|last rewards|Weighted|answer 42", text)
  assert "42" in text


def test_a_dropped_duplicate_says_so():
  record = tree_records.small()
  record["tree"]["status"][1] = 3
  page = _Page(analysis.tree_page(record))
  assert page.of_class("step")[1]["class"] == "step lost duplicate"
  assert "duplicate" in page.text


def test_copies_are_counted():
  text = _Page(analysis.tree_page(tree_records.copied())).text
  assert (
    "\N{MULTIPLICATION SIGN}2" in text and "3 candidates: 3 finished" in text
  )


DRIVE = """
  const numbers = (selector) => all(selector).map((e) => +e.dataset.node);
  const press = (key) => document.dispatchEvent(
    new KeyboardEvent("keydown", {key, bubbles: true}));
  const boxes = all(".step[data-node], .step .answer").map(
    (e) => e.getBoundingClientRect());
  const overlap = (a, b) => a.left < b.right - 1 && b.left < a.right - 1
    && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  report.drawn = boxes.filter((box) => box.width && box.height).length;
  report.overlaps = boxes.flatMap((a, i) =>
    boxes.slice(i + 1).filter((b) => overlap(a, b))).length;
  document.querySelector('.step[data-node="NODE"]').click();
  report.path = numbers(".step.on");
  report.lines = numbers(".lines.all path.on");
  report.read = all("#panel li span").map((e) => e.textContent);
  press("ArrowLeft");
  report.parent = numbers(".step.chosen");
  press("ArrowRight");
  report.child = numbers(".step.chosen");
  press("Escape");
  report.released = numbers(".step.on, .step.chosen");
  const slider = document.getElementById("round");
  slider.value = 3;
  slider.dispatchEvent(new Event("input"));
  report.early = numbers(".step[data-node]:not(.later)");
  slider.value = slider.max;
  slider.dispatchEvent(new Event("input"));
  document.querySelector("#lost input").click();
  report.kept = numbers(".step[data-node]").filter((node) =>
    document.querySelector(`.step[data-node="${node}"]`).offsetParent);
  const details = all("details");
  report.candidates = details.length;
  details[0].open = true;
  await until(() => numbers(".step.chosen").length);
  report.opened = [+details[0].dataset.node, ...numbers(".step.chosen")];
"""


def _drive(record, node, folder):
  """Opens the page in a browser, uses it, and returns what it shows."""
  script = DRIVE.replace("NODE", str(node))
  return browser.drive(analysis.tree_page(record), script, folder)


def test_it_can_be_used_in_a_browser(tmp_path):
  record = _hostile(tree_records.grown(16, 6, seed=1))
  tree, candidate = record["tree"], record["candidates"][-1]
  path = candidate["path"]
  assert len(path) > 3
  state = _drive(record, path[-1], tmp_path)
  assert state["errors"] == []
  ends = {c["path"][-1] for c in record["candidates"]}
  assert state["drawn"] == len(tree["parents"]) + len(ends)
  assert state["overlaps"] == 0
  assert state["path"] == state["lines"] == path
  assert state["read"] == [tree["texts"][node] for node in path]
  assert state["parent"] == [path[-2]]
  assert state["child"] == [tree["parents"].index(path[-2])]
  assert state["released"] == []
  early = [node for node, r in enumerate(tree["rounds"]) if r < 3]
  assert state["early"] == early
  kept = {node for c in record["candidates"] for node in c["path"]}
  assert state["kept"] == sorted(kept) and len(kept) < len(tree["parents"])
  assert state["candidates"] == len(record["candidates"])
  assert state["opened"][0] == state["opened"][1]


def test_a_search_of_many_rounds_can_be_used_in_a_browser(tmp_path):
  record = tree_records.mcts(140)
  tree = record["tree"]
  assert len(tree["parents"]) > 270
  path = max((c["path"] for c in record["candidates"]), key=len)
  state = _drive(record, path[-1], tmp_path)
  assert state["errors"] == [] and state["overlaps"] == 0
  assert state["path"] == path
  assert state["drawn"] == len(tree["parents"]) + len(record["candidates"])
  assert len(state["early"]) == 4 + 2 + 2


def test_page_and_picture_are_written_side_by_side(tmp_path):
  page, picture = analysis.write_tree(
    tree_records.small(), tmp_path / "new" / "a.html"
  )
  assert page.read_text("utf-8") == analysis.tree_page(tree_records.small())
  assert picture == tmp_path / "new" / "a.png"
  assert picture.read_bytes().startswith(b"\x89PNG")
  with pytest.raises(ValueError, match=r"a.png; expected a name .* in .html"):
    analysis.write_tree(tree_records.small(), tmp_path / "a.png")
