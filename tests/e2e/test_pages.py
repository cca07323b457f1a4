"""The pages in a real browser: content without JavaScript, no console error, strict policy, fits a phone."""

import re

import pytest
from playwright.sync_api import expect
from simulators.installation import ALL_CHAINS

pytestmark = [pytest.mark.node, pytest.mark.browser, pytest.mark.slow]
CHAINS = ALL_CHAINS

PAGES = {"/": "Overview", "/withdrawals": "Withdrawals", "/listings": "Listing votes", "/reserves": "Proof of reserves"}
PHONE = {"width": 390, "height": 844}
POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' data:",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
}
NO_SIDEWAYS_SCROLL = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def paid(live):
    """A settled withdrawal and one that waits, so that the pages have something to show."""
    done = live.pay("ada", "BTC", "0.015")
    live.wait_state(done.id, "settled")
    return done, live.request("ben", "ETH", "0.25")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_clean_under_the_strict_policy(live, paid, opened, path, tmp_path):
    page, response = opened(path)
    assert response.status == 200
    policy = dict(rule.strip().split(" ", 1) for rule in response.headers["content-security-policy"].split(";"))
    assert policy == POLICY
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    expect(page.get_by_role("heading", level=1)).to_have_text(PAGES[path])
    assert page.locator("[onclick], [style], script:not([src])").count() == 0
    page.screenshot(path=tmp_path / f"desktop{path.replace('/', '-')}.png", full_page=True)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_phone_without_scrolling_sideways(live, paid, opened, path, tmp_path):
    page, _ = opened(path, PHONE)
    assert page.evaluate(NO_SIDEWAYS_SCROLL)
    page.screenshot(path=tmp_path / f"phone{path.replace('/', '-')}.png", full_page=True)


def test_a_phone_shows_what_matters_of_every_chain_wallet_and_book_without_scrolling_sideways(live, paid, opened):
    page, _ = opened("/", PHONE)
    rows = {"Chains": len(live.symbols), "Wallets": 2 * len(live.symbols), "Books": len(live.symbols)}
    shown = {"Chains": "State", "Wallets": "Balance", "Books": "Difference"}
    for name, column in shown.items():
        table = page.get_by_role("region", name=name).get_by_role("table")
        place = [head.strip() for head in table.locator("thead th").all_inner_texts()].index(column)
        cells = table.locator(f"tbody tr > :nth-child({place + 1})").all()
        assert len(cells) >= rows[name]
        for cell in cells:
            box = cell.bounding_box()
            assert box["x"] + box["width"] <= PHONE["width"], f"{name}: {cell.inner_text()}"


@pytest.mark.parametrize("path", PAGES)
def test_a_page_can_be_used_by_keyboard_and_by_ear(live, paid, opened, path):
    page, _ = opened(path)
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.title() not in ("", "mext")
    expect(page.get_by_role("banner")).to_have_count(1)
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.get_by_role("contentinfo")).to_have_count(1)
    expect(page.get_by_role("navigation", name="Pages").get_by_role("link")).to_have_count(len(PAGES))
    assert page.locator("nav a[aria-current=page]").count() == 1
    assert page.get_by_role("table").count() == page.locator("table").count()
    for region in page.locator(".scroll").all():
        assert region.get_attribute("tabindex") == "0"
        assert region.get_attribute("aria-label") or region.get_attribute("aria-labelledby")
    for heading in page.locator("thead th").all():
        assert heading.get_attribute("scope") == "col"
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.url.endswith("#content")


def test_everything_is_readable_without_javascript(live, paid, opened):
    settled, waiting = paid
    overview, _ = opened("/", java_script_enabled=False)
    for chain in live.chains.names:
        expect(overview.get_by_role("row").filter(has_text=chain).first).to_contain_text("ok")
    expect(overview.get_by_text(re.compile("Solana is its VM behind a simulated RPC"))).to_be_visible()
    expect(overview.get_by_text(re.compile("[0-9a-f]{64}"))).to_be_visible()

    withdrawals, _ = opened("/withdrawals", java_script_enabled=False)
    row = withdrawals.get_by_role("row").filter(has_text=settled.id)
    expect(row).to_contain_text("settled")
    expect(row).to_contain_text("0.01500000 BTC")
    expect(row).to_contain_text(settled.to)
    shown = live.get(f"/v1/withdrawals/{settled.id}")
    expect(row).to_contain_text(shown["intent_hash"])
    expect(row).to_contain_text(shown["txid"])
    expect(withdrawals.get_by_role("row").filter(has_text=waiting.id)).to_contain_text("awaiting approval")

    listings, _ = opened("/listings", java_script_enabled=False)
    expect(listings.get_by_role("rowheader", name="1", exact=True)).to_be_visible()

    reserves, _ = opened("/reserves", java_script_enabled=False)
    expect(reserves.get_by_text(re.compile("mext por verify"))).to_be_visible()
