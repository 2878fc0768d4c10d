"""A real browser for tests of pages: Chromium, driven by its own chromedriver through Selenium."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

WITHOUT_BROWSER = "needs a browser: apt-get install chromium chromium-driver"
"""Why a test is skipped where there is none."""

_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def has_browser() -> bool:
    """Whether Chromium and its driver are installed."""
    return all(shutil.which(name) for name in ("chromium", "chromedriver"))


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless browser that reaches nothing but loopback and files."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for argument in _ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        driver.implicitly_wait(10)
        yield driver
    finally:
        driver.quit()


def resize(driver: Any, width: int, height: int = 900) -> None:
    """Give the page exactly this many CSS pixels."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def overflows(driver: Any) -> bool:
    """Whether the page is wider than its window."""
    return bool(driver.execute_script("const e = document.documentElement; return e.scrollWidth > e.clientWidth"))


def complaints(driver: Any) -> list[str]:
    """Errors that the console has shown since the last call."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


def print_pdf(driver: Any) -> bytes:
    """The page as it prints."""
    return base64.b64decode(driver.execute_cdp_cmd("Page.printToPDF", {})["data"])
