"""Python messages and stubs of proto/, generated when the tests start: one copy of each contract."""

import importlib
import sys
import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import ModuleType

from devtools import folders


def messages(proto: str) -> ModuleType:
    """The messages of a file: messages("saga/v1/envelope").Envelope"""
    _generate()
    return importlib.import_module(proto.replace("/", ".") + "_pb2")


def services(proto: str) -> ModuleType:
    """The stubs of a file: services("order/v1/order_service").OrderServiceStub"""
    _generate()
    return importlib.import_module(proto.replace("/", ".") + "_pb2_grpc")


@cache
def _generate() -> None:
    from grpc_tools import protoc

    source = folders.ROOT / "proto"
    target = _folder().name
    well_known = files("grpc_tools") / "_proto"
    includes = [f"-I{source}", f"-I{well_known}", f"-I{_google_rpc()}"]
    protos = [str(path) for path in sorted(source.rglob("*.proto"))]
    outputs = [f"--python_out={target}", f"--grpc_python_out={target}"]
    if protoc.main(["protoc", *includes, *outputs, *protos]) != 0:
        raise RuntimeError("protoc could not compile proto/: its complaints are above")
    sys.path.insert(0, target)


@cache
def _folder() -> tempfile.TemporaryDirectory:
    """Removed when Python ends."""
    return tempfile.TemporaryDirectory(prefix="order-saga-protos-")


def _google_rpc() -> Path:
    """Where the PyPI package googleapis-common-protos put google/rpc/*.proto."""
    from google.rpc import error_details_pb2

    return Path(error_details_pb2.__file__).parents[2]
