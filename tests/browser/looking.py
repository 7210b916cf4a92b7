"""Hold a page against what every page must be: no wider than the window, and open to everybody."""

import os
import re
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe

from tests.browser.person import Person

# WCAG 2.2 AA.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
AXE = Axe()
MOST_SHIFT = 0.01  # Lighthouse calls 0.1 good


# What moved after it was painted, by nobody's hand (Cumulative Layout Shift).
SHIFTS = """async () => {
  let sum = 0;
  const count = entries => entries.forEach(one => { if (!one.hadRecentInput) sum += one.value; });
  const observer = new PerformanceObserver(list => count(list.getEntries()));
  observer.observe({type: "layout-shift", buffered: true});
  await new Promise(requestAnimationFrame);
  count(observer.takeRecords());
  return sum;
}"""


def look_at(person: Person, name: str, *, preload: bool = True) -> None:
    """Check the page that *person* sees; keep a picture of it where SCREENSHOTS names a folder."""
    person.page.wait_for_load_state()
    assert_not_too_wide(person)
    assert_accessible(person, preload=preload)
    take_picture(person, name)


def assert_not_too_wide(person: Person) -> None:
    wide = person.page.evaluate("document.documentElement.scrollWidth")
    window = person.page.evaluate("window.innerWidth")
    assert wide <= window, f"{person.page.url} is {wide} px wide in a window of {window} px"


def assert_accessible(person: Person, *, preload: bool = True) -> None:
    """With *preload* axe reads stylesheets into elements of its own, which the policy may refuse
    and report; without, only a style that locks the page to one orientation goes unseen.
    """
    options = {"runOnly": RULES, "resultTypes": ["violations"], "preload": preload}
    found = AXE.run(person.page, options=options)
    assert not found.violations_count, f"{person.page.url}: {found.generate_report()}"


def assert_nothing_jumps(person: Person) -> None:
    """No style and no script comes so late that the page is laid out anew under the eyes."""
    shift = person.page.evaluate(SHIFTS)
    assert shift < MOST_SHIFT, f"{person.page.url} shifts by {shift}"


def take_picture(person: Person, name: str) -> None:
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        file = Path(folder) / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}.png"
        person.page.screenshot(path=file, full_page=True)
