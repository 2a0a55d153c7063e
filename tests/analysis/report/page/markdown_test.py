"""Sections become HTML, and texts of others stay texts."""

import pytest

from inference_scaling.analysis.report.page import markdown

TEXT = """## Costs at `paper`

Some *words* and `code`.

| policy | n |
| :-- | --: |
| small | 16 |
"""


def test_a_section_has_its_heading_its_words_and_a_table_that_scrolls():
  html = markdown.to_html(TEXT)
  assert markdown.title(TEXT) == "Costs at paper"
  assert "<h2>Costs at <code>paper</code></h2>" in html
  assert "<em>words</em> and <code>code</code>" in html
  assert 'role="region" aria-label="Costs at paper"><table>' in html
  assert '<td style="text-align:right">16</td>' in html
  assert html.count("<div") == html.count("</div>") == 1


def test_a_text_without_a_heading_has_no_title():
  assert markdown.title("# Report\n\nwords") == ""


@pytest.mark.parametrize(
  "text",
  [
    "<script>x()</script>", "a <b onclick=x>b</b>", "![a](https://x.org/a.png)",
    "[a](javascript:x)", "<https://x.org>", "[a](https://x.org)",
    "&lt;img src=x&gt;", "| <img src=x> |\n| -- |\n| <img src=x> |",
  ],
)  # fmt: skip
def test_texts_of_others_stay_texts(text):
  html = markdown.to_html(text)
  for tag in ("<script", "<b ", "<img", "<a", "href", 'src="'):
    assert tag not in html
