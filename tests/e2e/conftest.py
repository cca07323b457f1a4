import os
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright
from simulators.installation import LiveInstallation

from exchange.cli.loop.money import FLOATS

FUNDS = {
    ("ada", "BTC"): "3",
    ("ben", "ETH"): "60",
    ("cleo", "SOL"): "100",
    ("eve", "ETH"): "50",
    ("finn", "SOL"): "10",
    ("gus", "TRX"): "2000",
    ("hana", "XRP"): "2000",
    ("ivo", "BNB"): "20",
    ("judy", "LTC"): "20",
    ("kim", "DOGE"): "5000",
    **{("house", symbol): amount for _, symbol, amount in FLOATS},
}

CHROMIUM_ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps", "--no-first-run",
]  # fmt: skip
PAGE_TIMEOUT_MS = 120_000
"""The overview asks eight chains; a service that has just started on two busy cores takes its time."""
DESKTOP = {"width": 1280, "height": 900}


@pytest.fixture(scope="session")
def live(request, tmp_path_factory):
    """One running installation with funded customers, on the chains that the chosen modules name in `CHAINS`."""
    folder: Path = tmp_path_factory.mktemp("installation") / "home"
    folder.parent.chmod(0o700)
    ours = [item for item in request.session.items if item.path.is_relative_to(Path(__file__).parent)]
    # A module with an installation of its own starts what it needs itself.
    modules = {each.module for each in ours if "live" in each.fixturenames and "live" not in vars(each.module)}
    with LiveInstallation(folder) as installation:
        installation.provision(frozenset().union(*(module.CHAINS for module in modules)))
        installation.fund({key: amount for key, amount in FUNDS.items() if key[1] in installation.symbols})
        yield installation


@pytest.fixture
def quiet(live):
    """The installation with nothing on its way: chain and books agree to the last base unit."""
    live.require_books_balance()
    return live


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as driver:
        program = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        chromium = driver.chromium.launch(
            executable_path=program, headless=True, args=CHROMIUM_ARGS, chromium_sandbox=False
        )
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser, live):
    """Opens pages, and demands at the end that no page had an error and nothing was asked of anybody else."""
    contexts, problems, asked = [], [], []

    def open_page(path, viewport=DESKTOP, **options):
        context = browser.new_context(viewport=viewport, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_navigation_timeout(PAGE_TIMEOUT_MS)
        page.on(
            "console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        response = page.goto(live.url + path, wait_until="load")
        return page, response

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []
    assert [url for url in asked if not url.startswith((live.url, "data:"))] == []
