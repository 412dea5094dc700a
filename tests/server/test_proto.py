"""The API's definition and the code generated from it."""

import subprocess
import sys
from pathlib import Path

from google.protobuf import descriptor_pb2

from wavesynth.v1 import admin_pb2, images_pb2
from wavesynth.v1 import synthesis_pb2 as pb

ROOT = Path(__file__).parents[2]


def test_the_generated_code_is_that_of_the_definition(tmp_path):
    """Else run `make proto`. Descriptors are compared, since another protoc writes another text."""
    out = tmp_path / "current.binpb"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--descriptor_set_out={out}", "--proto_path=proto"]
    names = [f"wavesynth/v1/{name}.proto" for name in ("synthesis", "images", "admin")]
    subprocess.run([*command, *names], check=True, cwd=ROOT)
    current = {file.name: file for file in descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file}
    assert set(current) == set(names)
    for module in (pb, images_pb2, admin_pb2):
        generated = descriptor_pb2.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)
        for file in (current[generated.name], generated):
            for message in file.message_type:
                for field in [*message.field, *(f for entry in message.nested_type for f in entry.field)]:
                    field.ClearField("json_name")
        assert current[generated.name] == generated


def test_field_numbers_are_kept_for_other_sources():
    conditioning = pb.Conditioning.DESCRIPTOR
    definition = descriptor_pb2.DescriptorProto()
    conditioning.CopyToProto(definition)
    assert conditioning.fields_by_name["text"].number == 4
    assert [(r.start, r.end) for r in definition.reserved_range] == [(5, 10)]
