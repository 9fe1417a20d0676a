"""The page in a real browser (Debian's chromium, headless): languages, colours, pointer, network.

On Debian and Ubuntu: `apt-get install chromium`. Without one these tests are skipped.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.told import Told

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no chromium on this machine")

#: Asks the page what a reader would see, and writes it where --dump-dom prints it.
PROBE = """
<pre id="probe"></pre><script>
window.addEventListener("load", function () {
  var colour = function (where, what) {
    return getComputedStyle(document.querySelector(where))[what];
  };
  var chart = document.getElementById("chart"), box = chart.getBoundingClientRect();
  var wide = [].filter.call(document.querySelectorAll("main *"), function (one) {
    return one.scrollWidth > document.documentElement.clientWidth && !one.closest(".wide,pre,svg");
  });
  var at = function (share) {
    var place = {clientX: box.left + box.width * share, clientY: box.top + 5};
    chart.dispatchEvent(new PointerEvent("pointermove", place));
    return document.getElementById("chart-says").textContent;
  };
  var seen = {
    english: colour("h2 .en", "display") !== "none",
    chinese: colour("h2 .zh", "display") !== "none",
    lang: document.documentElement.lang, back: colour("#paper", "backgroundColor"),
    mark: document.getElementById("rehearsal").innerText.trim(),
    first: at(0), last: at(1), tooWide: wide.length,
    drawn: chart.getElementsByTagName("polyline").length, title: document.title
  };
  chart.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowLeft"}));
  seen.left = document.getElementById("chart-says").textContent;
  document.getElementById("probe").textContent = JSON.stringify(seen);
});
</script>
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    told = Told(tmp_path_factory.mktemp("browser"))
    done = told.piped("run", "small.yaml", "--rehearse")
    assert done.returncode == 0, done.stderr
    return told.run / "report.html"


def chromium(page: Path, folder: Path, *words: str, query: str = "", width: int = 1000) -> str:
    """What chromium prints for the page; nothing can be reached from it, not even by name."""
    assert BROWSER is not None
    done = subprocess.run(
        [
            BROWSER,
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *("--disable-background-networking", "--disable-component-update", "--no-first-run"),
            f"--user-data-dir={folder / 'profile'}",
            f"--window-size={width},1400",
            *words,
            f"{page.as_uri()}{query}",
        ],
        env={**os.environ, "HOME": str(folder), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize(
    ("query", "width", "sees"),
    [
        ("?lang=en&look=light", 1000, (True, False, "en", "rgb(255, 255, 255)", "step")),
        ("?lang=zh&look=dark", 420, (False, True, "zh-CN", "rgb(20, 24, 29)", "第")),
    ],
)
def test_a_reader_sees_the_figures(
    page: Path, tmp_path: Path, query: str, width: int, sees: tuple[bool, bool, str, str, str]
) -> None:
    probed = tmp_path / "page.html"
    html = page.read_text(encoding="utf-8")
    probed.write_text(html.replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    dom = chromium(probed, tmp_path, "--dump-dom", query=query, width=width)
    found = re.search(r'<pre id="probe">(.*?)</pre>', dom, re.DOTALL)
    assert found is not None
    seen = json.loads(found[1])
    assert (seen["english"], seen["chinese"], seen["lang"], seen["back"]) == sees[:4]
    assert seen["first"].startswith(sees[4])
    assert "7.5416" in seen["first"]
    assert "3.2500" in seen["last"]
    assert "3.5000" in seen["left"]
    assert ("REHEARSAL" in seen["mark"], seen["tooWide"], seen["drawn"]) == (True, 0, 1)
    assert "REHEARSAL" in seen["title"]


def test_it_prints_and_asks_nobody(page: Path, tmp_path: Path) -> None:
    """A PDF of a few pages; the browser's own log of its requests names the page alone."""
    log, paper = tmp_path / "net.json", tmp_path / "page.pdf"
    chromium(page, tmp_path, f"--log-net-log={log}", f"--print-to-pdf={paper}")
    assert paper.read_bytes().startswith(b"%PDF")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", paper.read_bytes())) <= 8
    assert asked(log) == set()


def test_the_log_of_requests_would_tell(tmp_path: Path) -> None:
    """What the test above relies on: a page that asks for a picture is found out."""
    greedy, log = tmp_path / "page.html", tmp_path / "net.json"
    greedy.write_text('<img src="http://page.invalid/a.png">', encoding="utf-8")
    chromium(greedy, tmp_path, f"--log-net-log={log}", "--dump-dom")
    assert asked(log) == {"http://page.invalid/a.png"}


def asked(log: Path) -> set[str]:
    """The addresses that a page asked for; those of the browser's own makers are its own."""
    text = log.read_text(encoding="utf-8", errors="replace")
    found = set(re.findall(r'"url":"((?:https?|wss?|ftp)://[^"]*)"', text))
    return {url for url in found if not re.search(r"[/.](?:google|googleapis|gvt1)\.com", url)}
