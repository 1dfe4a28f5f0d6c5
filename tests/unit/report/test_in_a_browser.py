"""The report as Chromium draws it: everything can be read, nothing lies over anything else, nothing is empty."""

from collections.abc import Iterator
from pathlib import Path

import browser
import pytest
from tests.unit.report.test_report import Airport

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.stores.store import open_store
from segue.report.gather import of_rollout, to_html
from segue.report.sections import sections

pytestmark = pytest.mark.slow

OVERLAPS = """[...document.querySelectorAll('svg')].flatMap(svg => {
  const texts = [...svg.querySelectorAll('text')].filter(it => it.textContent.trim() && it.getBoundingClientRect().width);
  return texts.flatMap((one, at) => texts.slice(at + 1).filter(other => {
    const a = one.getBoundingClientRect(), b = other.getBoundingClientRect();
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    return wide > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
  }).map(other => [svg.getAttribute('aria-labelledby') || '', one.textContent, other.textContent]));
})"""
FAINT = """(() => {
  const parts = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = rgb => { const [r, g, b] = rgb.map(c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = it => { for (; it; it = it.parentElement) { const c = parts(getComputedStyle(it).backgroundColor);
    if (c.length === 3 || c[3] > 0.99) return c.slice(0, 3); }
    return parts(getComputedStyle(document.body).backgroundColor).slice(0, 3); };
  return [...document.querySelectorAll('body *')].filter(it => [...it.childNodes].some(n => n.nodeType === 3 && n.data.trim())
      && it.getBoundingClientRect().width && !it.closest('svg') && !['STYLE', 'SCRIPT'].includes(it.tagName)).map(it => {
    const a = light(parts(getComputedStyle(it).color).slice(0, 3)), b = light(behind(it));
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), it.textContent.trim().slice(0, 40)];
  }).filter(([contrast]) => contrast < 4.5);
})()"""
EMPTY = """[...document.querySelectorAll('svg')].filter(svg => {
  const size = it => { const box = it.getBoundingClientRect(); return box.width + box.height; };
  return size(svg) && ![...svg.querySelectorAll('path, polyline, line, rect, circle, polygon')].some(it => size(it) > 0);
}).map(svg => svg.outerHTML.slice(0, 80))"""
OUTSIDE = """[document.documentElement.scrollWidth - document.documentElement.clientWidth,
  performance.getEntriesByType('resource').length]"""


@pytest.fixture(scope="module")
def chromium() -> str:
    """The browser."""
    found = browser.program()
    if found is None:
        pytest.skip("Chromium is not installed; `tools/browser` installs it")
    return found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A report of a rollout to its end, with every section."""
    folder = tmp_path_factory.mktemp("page")
    with open_store(f"sqlite:///{folder / 'store.db'}") as stores, DuckdbEngine() as engine:
        airport = Airport(folder, stores, engine)
        airport.failing = {"8": 0.002}
        rollout = airport.roll("8")
        loaded = airport.outside.rollouts.load(rollout)
        file = folder / "report.html"
        file.write_text(to_html(of_rollout(airport.outside, rollout), sections(airport.outside, loaded)), encoding="utf-8")
        yield file


def test_no_label_lies_over_another(chromium: str, page: Path) -> None:
    """In every picture, on a desk, a tablet and a telephone."""
    for width in (1280, 760, 390):
        assert browser.seen(chromium, page, OVERLAPS, width=width) == []


def test_no_picture_is_empty(chromium: str, page: Path) -> None:
    """Each has something drawn in it."""
    assert browser.seen(chromium, page, "document.querySelectorAll('svg').length") > 10
    assert browser.seen(chromium, page, EMPTY) == []


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_can_be_read(chromium: str, page: Path, dark: bool) -> None:
    """Contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3), by day and by night."""
    assert browser.seen(chromium, page, FAINT, dark=dark) == []


def test_it_needs_nothing_and_fits(chromium: str, page: Path) -> None:
    """Nothing is fetched, and nobody has to scroll sideways, on a telephone neither."""
    for width in (1280, 500):
        assert browser.seen(chromium, page, OUTSIDE, width=width) == [0, 0]
