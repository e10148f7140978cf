"""A small cluster for tests: Beam's own job server, with several workers on several pools.

Beam's embedded job server always uses one worker. This one starts `WORKERS` of them, in turn on
the pools that `--environment_config=HOST:PORT,HOST:PORT` names, as a real cluster would.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner, worker_handlers
from apache_beam.runners.portability.local_job_service import BeamJob, LocalJobServicer

WORKERS = 2


class _PoolInTurn(worker_handlers.ExternalWorkerHandler):
    _numbers = itertools.count()

    def __init__(self, payload: Any, *others: Any) -> None:
        pools = payload.endpoint.url.split(",")
        chosen = beam_runner_api_pb2.ExternalPayload()
        chosen.CopyFrom(payload)
        chosen.endpoint.url = pools[next(self._numbers) % len(pools)]
        super().__init__(chosen, *others)


class _Job(BeamJob):
    def _invoke_runner(self) -> Any:
        runner = fn_runner.FnApiRunner(provision_info=self._provision_info)
        runner._num_workers = WORKERS
        return runner.run_via_runner_api(self._pipeline_proto, self.pipeline_options())


@contextmanager
def job_server() -> Iterator[str]:
    """Serves on the loopback for the block; gives the endpoint."""
    register = worker_handlers.WorkerHandler.register_environment
    urn, payload = common_urns.environments.EXTERNAL.urn, beam_runner_api_pb2.ExternalPayload
    register(urn, payload)(_PoolInTurn)
    server = LocalJobServicer(beam_job_type=_Job)
    try:
        yield f"localhost:{server.start_grpc_server()}"
    finally:
        server.stop()
        register(urn, payload)(worker_handlers.ExternalWorkerHandler)
