"""The google.rpc details of a failed call."""

import grpc
from google.rpc import error_details_pb2, status_pb2


def error_info(error: grpc.RpcError) -> error_details_pb2.ErrorInfo:
    return _detail(error, error_details_pb2.ErrorInfo)


def violations(error: grpc.RpcError) -> dict[str, str]:
    """What BadRequest says, by field."""
    bad = _detail(error, error_details_pb2.BadRequest)
    return {violation.field: violation.description for violation in bad.field_violations}


def retry_delay_seconds(error: grpc.RpcError) -> float:
    return _detail(error, error_details_pb2.RetryInfo).retry_delay.ToTimedelta().total_seconds()


def _detail(error: grpc.RpcError, kind):
    metadata = dict(error.trailing_metadata() or ())
    assert "grpc-status-details-bin" in metadata, f"no details: {error}"
    status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
    assert (status.code, status.message) == (error.code().value[0], error.details())
    for packed in status.details:
        if packed.Is(kind.DESCRIPTOR):
            message = kind()
            packed.Unpack(message)
            return message
    raise AssertionError(f"no {kind.__name__} in {status}")
