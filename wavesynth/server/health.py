"""The standard health service, grpc.health.v1. Nobody who watches can hold up whoever sets a status."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import grpc
from grpc_health.v1 import health_pb2 as pb
from grpc_health.v1.health_pb2_grpc import HealthServicer

__all__ = ["Health"]

_UNKNOWN = pb.HealthCheckResponse.SERVICE_UNKNOWN


class Health(HealthServicer):
    """One status for all of `services`, by name; that of a voice is SERVICE/VOICE. For one event loop.

    gRPC's own servicer holds a lock while it writes to a watcher, so that one who reads nothing stops every other, and
    the server's end. Here each watcher looks at the status by itself: it is told the newest, and may miss those before.
    At most `watchers` may watch at once. One who does not take a status within `patience` seconds is ended.
    """

    def __init__(self, services: Sequence[str], watchers: int = 1000, patience: float = 10.0) -> None:
        self._statuses = dict.fromkeys(services, pb.HealthCheckResponse.NOT_SERVING)
        self._most, self._patience = watchers, patience
        self._watchers: set[asyncio.Event] = set()

    def name(self, services: Sequence[str]) -> None:
        """From now on there are these services, whose status is that of all."""
        status = next(iter(self._statuses.values()))
        self._statuses = dict.fromkeys(services, status)
        self._tell()

    def set(self, status: pb.HealthCheckResponse.ServingStatus) -> None:
        """Sets the status, and waits for nobody."""
        self._statuses = dict.fromkeys(self._statuses, status)
        self._tell()

    def _tell(self) -> None:
        for changed in self._watchers:
            changed.set()

    async def Check(  # noqa: N802
        self, request: pb.HealthCheckRequest, context: grpc.aio.ServicerContext
    ) -> pb.HealthCheckResponse:
        """The status of a service."""
        if request.service not in self._statuses:
            # Voices are left out: who may list them is not known here.
            known = ", ".join(name or "''" for name in self._statuses if "/" not in name)
            message = f"service is {request.service[:100]!r}; the services are {known}"
            await context.abort(grpc.StatusCode.NOT_FOUND, message)
        return pb.HealthCheckResponse(status=self._statuses[request.service])

    async def Watch(  # noqa: N802
        self, request: pb.HealthCheckRequest, context: grpc.aio.ServicerContext
    ) -> None:
        """The status of a service, and each change of it."""
        if len(self._watchers) >= self._most:
            message = f"all {self._most} places for watchers of the health service are taken"
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, message)
        changed, told = asyncio.Event(), None
        self._watchers.add(changed)
        try:
            await context.send_initial_metadata(())  # which a status after a write that is given up needs
            while True:
                changed.clear()
                status = self._statuses.get(request.service, _UNKNOWN)
                if status != told:
                    async with asyncio.timeout(self._patience):
                        await context.write(pb.HealthCheckResponse(status=status))
                    told = status
                await changed.wait()
        except TimeoutError:
            # The status comes after what is not read; nobody waits for that.
            context.set_code(grpc.StatusCode.ABORTED)
            context.set_details(f"the status was not read for {self._patience:g} seconds")
        finally:
            self._watchers.discard(changed)
