"""The site is built without a warning, and each link in it leads somewhere."""

import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parent.parent
WRITTEN_BY_HAND = sorted(ROOT.glob("*.md"))
BROWSER = next(
    filter(None, map(shutil.which, ["chromium", "google-chrome", "chromium-browser"])),
    None,
)


class Page(HTMLParser):
    """The links, anchors and images of one page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors, self.without_text = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.anchors |= {found[name] for name in ("id", "name") if found.get(name)}
        self.links += [found[name] for name in ("href", "src") if found.get(name)]
        # A thumbnail of the gallery stands beside the title that says the same.
        is_decoration = found.get("alt") == "" and "_thumb." in found.get("src", "")
        if tag == "img" and not found.get("alt") and not is_decoration:
            self.without_text.append(found.get("src"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site of a copy, without running the examples of the gallery."""
    pytest.importorskip("sphinx_gallery")
    copy = tmp_path_factory.mktemp("site")
    made = shutil.ignore_patterns("_build", "auto_examples", "generated", "__pycache__")
    for name in ("docs", "examples", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=made)
    for path in WRITTEN_BY_HAND:
        shutil.copy(path, copy)
    run = subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q"),
            *("-D", "sphinx_gallery_conf.plot_gallery=0", "docs", "html"),
        ],
        capture_output=True,
        text=True,
        cwd=copy,
    )
    assert run.returncode == 0, run.stderr
    return copy / "html"


def has_anchor(page, fragment):
    return not fragment or unquote(fragment) in page.anchors


def broken_links(site, pages):
    for name, page in pages.items():
        for link in page.links:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (
                (site / name).parent / unquote(url.path) if url.path else site / name
            )
            target = Path(os.path.normpath(target))
            if target.is_dir():
                target /= "index.html"
            key = target.relative_to(site).as_posix() if target.exists() else None
            if key is None:
                yield f"{name}: {link}"
            elif key in pages and not has_anchor(pages[key], url.fragment):
                yield f"{name}: {link}, no such anchor"


def test_each_link_leads_somewhere_and_each_image_has_a_text(site):
    pages = {
        path.relative_to(site).as_posix(): Page(path.read_text(encoding="utf-8"))
        for path in site.rglob("*.html")
        if "_static" not in path.parts
    }
    assert len(pages) > 50
    assert sum(len(page.links) for page in pages.values()) > 5000
    assert list(broken_links(site, pages)) == []
    assert [name for name, page in pages.items() if page.without_text] == []


@pytest.mark.parametrize("path", WRITTEN_BY_HAND, ids=lambda path: path.name)
def test_links_between_files_lead_to_files(path):
    links = re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
    files = [
        link for link in links if "://" not in link and not link.startswith("mailto")
    ]
    assert [link for link in files if not (ROOT / link).exists()] == []


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")
def test_pages_and_the_search_load_in_a_browser_without_an_error(site, tmp_path):
    handler = partial(SimpleHTTPRequestHandler, directory=site)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    names = ["index.html", "user_guide/cutoffs.html", "search.html?q=pos_weight"]
    names += [
        "api/generated/skbin.BinaryNetClassifier.html",
        "auto_examples/index.html",
    ]
    shown = defaultdict(str)
    try:
        for name in names:
            run = subprocess.run(
                [
                    *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu"),
                    *("--enable-logging=stderr", "--virtual-time-budget=5000"),
                    f"--user-data-dir={tmp_path / 'profile'}",
                    *("--dump-dom", f"http://127.0.0.1:{server.server_port}/{name}"),
                ],
                capture_output=True,
                text=True,
                timeout=120,
                env={**os.environ, "HOME": str(tmp_path)},
            )
            shown[name] = run.stdout
            said = re.findall(r".*ERROR:CONSOLE.*|.*Uncaught.*", run.stderr)
            assert said == [], name
    finally:
        server.shutdown()
        server.server_close()
    found = re.search(r"found (\d+) pages", shown["search.html?q=pos_weight"])
    assert int(found[1]) > 5
