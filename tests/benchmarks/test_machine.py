from importlib.metadata import version

from benchmarks.machine import machine, versions


def test_one_line_tells_the_machine():
    told = machine()
    assert "\n" not in told
    assert " cores; " in told


def test_versions_are_those_installed_here():
    told = versions(["numpy", "no-such-package"])
    assert told == f"numpy {version('numpy')}, no-such-package not installed"
