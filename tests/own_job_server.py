"""A runner that starts its job server by itself, as those of Flink, Spark and Prism do."""

from typing import Any

from apache_beam.runners.portability.job_server import (
    EmbeddedJobServer,
    JobServer,
    StopOnExitJobServer,
)
from apache_beam.runners.portability.portable_runner import PortableRunner


class _Server(EmbeddedJobServer):
    def start(self) -> Any:
        OwnServerRunner.told.append("started")
        return super().start()

    def stop(self) -> None:
        OwnServerRunner.told.append("stopped")


class OwnServerRunner(PortableRunner):
    """told: what became of its servers."""

    told: list[str] = []  # noqa: RUF012  # of the class, for Beam makes the instance

    def default_job_server(self, options: Any) -> JobServer:
        return StopOnExitJobServer(_Server())


class NoServerRunner(OwnServerRunner):
    """Has none to start."""

    def default_job_server(self, options: Any) -> JobServer:
        raise RuntimeError("no jar")
