# Two runners share this folder: `ape test` runs the contract tests in tests/contracts, `pytest` runs all others.
# The options in pyproject.toml keep ape's plugin out, since it slows every test down; `ape test` asks for it by
# name, and here it gets it back.
import os
from pathlib import Path

import pytest

CONTRACT_TESTS = Path(__file__).parent / "contracts"


def pytest_configure(config):
    if "ape_test" not in (config.invocation_params.plugins or ()):
        return
    from ape.pytest import plugin  # noqa: PLC0415 - takes a second, and only contract tests need it

    if not config.pluginmanager.has_plugin("ape-test"):
        plugin.pytest_configure(config)
    config.option.ignore = None
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args[:] = [str(CONTRACT_TESTS)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Where a change is judged nothing may be left out: a missing node, browser or server fails its tests."""
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"
    return report
