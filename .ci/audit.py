"""Looks up all that the lock names among known vulnerabilities, and fails for what it cannot ask.

pip-audit asks an index for each release by itself. An index that tells of a project's newest
release only (mirrors, often) answers 404 to that, which pip-audit takes for "no such package" and
lets pass. So here such a release is asked for through its project, and one that is neither the
newest nor known by itself is told as not audited: exit 1, as for a vulnerability.

As a program: python .ci/audit.py requirements.lock
"""

import sys
from pathlib import Path
from typing import Any

import requests
from pip_audit._audit import Auditor
from pip_audit._dependency_source import RequirementSource
from pip_audit._service import PyPIService

TIMEOUT_S = 30


class ThroughTheProject:
    """A session that asks for the newest release where the one that is wanted is not known."""

    def __init__(self, session: requests.Session) -> None:
        self._session = session

    def get(self, url: str, timeout: int) -> requests.Response:
        """Gives the answer for a release: `.../NAME/VERSION/json`."""
        answer = self._session.get(url=url, timeout=timeout)
        if answer.status_code != requests.codes.not_found:
            return answer
        project, version, _ = url.rsplit("/", 2)
        newest = self._session.get(url=f"{project}/json", timeout=timeout)
        if newest.ok and newest.json()["info"]["version"] == version:
            return newest
        return answer


def audit(lock: Path) -> tuple[list[str], list[str], int]:
    """Gives what is vulnerable, what could not be asked for, and how many were looked at."""
    service = PyPIService(timeout=TIMEOUT_S)
    service.session = ThroughTheProject(service.session)
    found, unknown, number = [], [], 0
    source = RequirementSource([lock], require_hashes=True, no_deps=True, disable_pip=True)
    for dependency, vulnerabilities in Auditor(service).audit(source):
        number += 1
        each: Any = dependency
        if each.is_skipped():
            unknown.append(f"{each.name}: the index does not tell of the release that is locked")
        for one in vulnerabilities:
            fixed = ", ".join(map(str, one.fix_versions)) or "no release yet"
            names = ", ".join([one.id, *sorted(one.aliases)])
            found.append(f"{each.name} {each.version}: {names}; fixed in {fixed}")
    return found, unknown, number


def main() -> int:
    """Prints what was found; 1 where anything was, or was not audited."""
    found, unknown, number = audit(Path(sys.argv[1]))
    for line in found:
        print(f"VULNERABLE   {line}")
    for line in unknown:
        print(f"NOT AUDITED  {line}")
    print(f"{number} packages: {len(found)} known vulnerabilities, {len(unknown)} not audited")
    return 1 if found or unknown or not number else 0


if __name__ == "__main__":
    sys.exit(main())
