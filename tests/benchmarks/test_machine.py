from importlib.metadata import version

from benchmarks.machine import machine, plain_python, plain_python_ms, versions


def test_one_line_tells_the_machine():
    told = machine()
    assert "\n" not in told
    assert " cores; " in told


def test_versions_are_those_installed_here():
    told = versions(["numpy", "no-such-package"])
    assert told == f"numpy {version('numpy')}, no-such-package not installed"


def test_a_loop_tells_how_fast_the_machine_is_just_now():
    assert plain_python([51.2, 97.8, 60.4]) == "a loop of plain Python: median 60 ms, 51 to 98"
    assert plain_python_ms() > 0.0
