"""The methods of AdminService, as proto/wavesynth/v1/admin.proto says: what an operator asks of a running server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import grpc

from wavesynth.server.admission import Admission
from wavesynth.server.reloading import Reloaded
from wavesynth.v1 import admin_pb2 as pb
from wavesynth.v1.admin_pb2_grpc import AdminServiceServicer

__all__ = ["AdminService"]


class AdminService(AdminServiceServicer):
    """Serves operators; `admission` knows who is one."""

    def __init__(self, reload: Callable[[], Awaitable[Reloaded]], admission: Admission) -> None:
        self._reload, self._admission = reload, admission

    async def Reload(  # noqa: N802
        self, request: pb.ReloadRequest, context: grpc.aio.ServicerContext
    ) -> pb.ReloadResponse:
        """What has changed since the last time."""
        async with self._admission.call("Reload", context):
            return (await self._reload()).message()
