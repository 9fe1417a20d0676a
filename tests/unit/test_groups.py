"""How the tests are spread over two workers (tests/conftest.py)."""

from __future__ import annotations

import os

import pytest


def test_a_file_is_a_group_and_its_name_reaches_xdist(request: pytest.FixtureRequest) -> None:
    """Without it the engines would run on both workers, and every fixture would be made twice."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("there are groups only where several workers share the tests")
    assert request.node.nodeid.endswith("@test_groups")
