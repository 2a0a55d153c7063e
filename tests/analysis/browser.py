"""Opens a page in headless Chromium, uses it by a script, and reads it."""

import html
import json
import re
import shutil
import subprocess

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")

_CATCH = """<head><script>
  window.errors = [];
  addEventListener("error", (event) => errors.push(event.message));
  addEventListener("unhandledrejection",
    (event) => errors.push(String(event.reason)));
  addEventListener("securitypolicyviolation",
    (event) => errors.push(event.violatedDirective));
</script>"""

_DRIVE = """<script>addEventListener("load", async () => {
  const report = {};
  const all = (selector) => [...document.querySelectorAll(selector)];
  const until = async (made) => {
    for (let i = 0; i < 200 && !made(); i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  try {
    SCRIPT
  } catch (error) {
    errors.push(error.stack);
  }
  report.errors = errors;
  parent.postMessage(JSON.stringify(report), "*");
});</script></body>"""

# No window is as narrow as a phone, but a frame can be.
_FRAME = """<!DOCTYPE html><body style="margin:0"><script>
  addEventListener("message", (event) => {
    const out = document.createElement("pre");
    out.textContent = event.data;
    document.body.append(out);
  });
</script><iframe src="page.html" style="border:0;width:WIDTHpx;height:HEIGHTpx">
</iframe></body>"""


def drive(page, script, folder, width=1400, height=1000, dark=False):
  """Opens a page and uses it.

  Args:
    page: HTML.
    script: sets values of `report`; may call `all(selector)` and
      `await until(condition)`.
    folder: for the page and the browser's files.
    width: of the window, in pixels.
    height: likewise.
    dark: whether the screen is dark.

  Returns:
    The report, with what went wrong in the page as `errors`.
  """
  browser = next(filter(None, map(shutil.which, BROWSERS)), None)
  if browser is None:
    pytest.skip(f"no browser to open the page in: none of {BROWSERS} on PATH")
  head, _, tail = page.replace("<head>", _CATCH, 1).rpartition("</body>")
  driven = head + _DRIVE.replace("SCRIPT", script) + tail
  (folder / "page.html").write_text(driven, "utf-8")
  frame = _FRAME.replace("WIDTH", str(width)).replace("HEIGHT", str(height))
  path = folder / "frame.html"
  path.write_text(frame, "utf-8")
  command = (
    browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
    "--virtual-time-budget=10000", f"--user-data-dir={folder / 'profile'}",
    f"--window-size={max(width, 600)},{height}",
    f"--blink-settings=preferredColorScheme={0 if dark else 1}",
    path.as_uri(),
  )  # fmt: skip
  done = subprocess.run(
    command, capture_output=True, encoding="utf-8", timeout=120, check=True
  )
  report = re.search(r"<pre>(.*?)</pre>", done.stdout, re.S)
  assert report, done.stderr
  return json.loads(html.unescape(report[1]))
