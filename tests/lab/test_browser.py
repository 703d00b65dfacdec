"""A browser opens the monitor's page: colours, nothing from elsewhere, the width of a phone."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By

from lab.command import wait_for
from lab.machines import ROOT
from lab.vpn_client import in_vpn
from tests.lab.fleets import MonitoredFleet
from tests.lab.test_monitor import all_are_up, base, firing

pytestmark = pytest.mark.monitoring

DRIVER = "/usr/bin/chromedriver"
# For docs/: whoever changes the page looks at it, and copies it there.
PICTURES = ROOT / "reports"
GREEN, RED = "rgba(0, 102, 0, 1)", "rgba(170, 0, 0, 1)"
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}


@pytest.fixture
def browser(monitored: MonitoredFleet, tmp_path: Path) -> Iterator[Chrome]:
    """Debian's Chromium, in the VPN, on a machine of ops-hypha-1."""
    options = ChromeOptions()
    for it in ("--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/c"):
        options.add_argument(it)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    with in_vpn("ops-hypha-1"):
        driver = Chrome(options, ChromeService(DRIVER))
        try:
            driver.set_window_size(1400, 1000)
            yield driver
        finally:
            driver.quit()


def cells(browser: Chrome, title: str) -> dict[str, tuple[str, str, str]]:
    """By host, the text of its cell, the text's colour, and that of the cell."""
    return {
        row.find_element(By.CSS_SELECTOR, "td[data-title=Host] a").text: (
            it.text,
            it.value_of_css_property("color"),
            it.value_of_css_property("background-color"),
        )
        for row in browser.find_elements(By.TAG_NAME, "tr")
        for it in row.find_elements(By.CSS_SELECTOR, f"td[data-title={title}]:not(.new)")
    }


def asked(browser: Chrome) -> set[str]:
    """The URLs that the browser has asked for."""
    entries = (json.loads(it["message"])["message"] for it in browser.get_log("performance"))  # type: ignore[no-untyped-call]
    return {
        it["params"]["request"]["url"]
        for it in entries
        if it["method"] == "Network.requestWillBeSent"
    }


def test_it_shows_who_is_well_and_who_is_not(monitored: MonitoredFleet, browser: Chrome) -> None:
    wait_for(partial(all_are_up, monitored), "each host has told how it stands", 60)
    browser.get(f"{base()}/consoles/fleet.html")

    def all_tell() -> bool:
        browser.refresh()
        return {text for text, *_ in cells(browser, "Tells").values()} == {"yes"}

    wait_for(all_tell, "each has looked", 120, every=3)
    found = cells(browser, "Tells")
    assert found.keys() == {it.name for it in monitored.all}
    assert {(text, colour) for text, colour, _ in found.values()} == {("yes", GREEN)}
    monitored["bbb1"].sh("nft delete table inet coop_infra")
    absent = ("FirewallAbsent", "bbb1")
    wait_for(lambda: absent in firing(monitored), "it is told", 300, every=3)
    browser.refresh()
    text, _, behind = cells(browser, "Firewall")["bbb1"]
    assert (text, behind) == ("absent", RED)
    assert cells(browser, "Firewall")["bbb2"][:2] == ("in force", GREEN)
    PICTURES.mkdir(exist_ok=True)
    browser.save_screenshot(str(PICTURES / "fleet.png"))
    at = f"{base()}/"
    # Of its own pages, such as that of a new tab.
    browsers = ("data:", "chrome:")
    others = {it for it in asked(browser) if not it.startswith((at, *browsers))}
    assert others == set()


@pytest.mark.parametrize("name", ["fleet.html", "host.html?host=bbb1"])
def test_it_fits_a_phone(monitored: MonitoredFleet, browser: Chrome, name: str) -> None:
    wait_for(partial(all_are_up, monitored), "each host has told how it stands", 60)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    browser.get(f"{base()}/consoles/{name}")
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= PHONE["width"]
    PICTURES.mkdir(exist_ok=True)
    browser.save_screenshot(str(PICTURES / f"phone-{name.partition('.')[0]}.png"))
