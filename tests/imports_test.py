"""The picture of the imports is what the code says."""

import ast

from tests import imports


def test_the_picture_is_what_the_code_says():
  page = imports.PAGE.read_text(encoding="utf-8")
  assert imports.shown(page) == imports.draw(imports.read()), (
    "run: python -m tests.imports"
  )


def test_an_arrow_stands_only_where_no_longer_way_leads():
  graph = {"c": {"b", "a"}, "b": {"a"}, "a": set(), "d": {"c", "e"}, "e": set()}
  assert imports.draw(graph) == (
    "flowchart BT\n  b --> a\n  c --> b\n  d --> c\n  d --> e\n"
  )


def test_all_ways_to_import_are_found():
  tree = ast.parse(
    "import a.b\nfrom a import c\ndef f():\n  from a.d import e as g\n"
  )
  assert list(imports.imported(tree)) == ["a.b", "a.c", "a.d.e"]


def test_packages_are_found_and_do_not_import_themselves():
  graph = imports.read()
  assert {"names", "analysis", "launching"} <= set(graph)
  assert graph["names"] == set()
  assert all(name not in used for name, used in graph.items())
