"""What `config.pbtxt` may hold, as far as the tests look: Triton's ModelConfig, restated for protobuf's own parser.

The names are those of triton-inference-server/common, ``protobuf/model_config.proto``; numbers don't show in text.
"""

from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

_TYPES = "INVALID BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 FP32 FP64 STRING BF16".split()
_FIELDS: dict[str, dict[str, str]] = {
    "Shape": {"shape": "repeated int64"},
    "Port": {
        "name": "string",
        "data_type": "DataType",
        "dims": "repeated int64",
        "reshape": "Shape",
        "label_filename": "string",
    },
    "Latest": {"num_versions": "int64"},
    "Specific": {"versions": "repeated int64"},
    "All": {},
    "VersionPolicy": {"latest": "Latest", "all": "All", "specific": "Specific"},
    "InstanceGroup": {"name": "string", "count": "int64", "gpus": "repeated int64"},
    "DynamicBatching": {"preferred_batch_size": "repeated int64", "max_queue_delay_microseconds": "int64"},
    "Parameter": {"string_value": "string"},
    "Entry": {"key": "string", "value": "Parameter"},
    "ModelConfig": {
        "name": "string",
        "platform": "string",
        "backend": "string",
        "version_policy": "VersionPolicy",
        "max_batch_size": "int64",
        "input": "repeated Port",
        "output": "repeated Port",
        "instance_group": "repeated InstanceGroup",
        "default_model_filename": "string",
        "dynamic_batching": "DynamicBatching",
        "parameters": "repeated Entry",
    },
}


@cache
def model_config() -> Any:
    """Return the class of the message."""
    file = descriptor_pb2.FileDescriptorProto(name="restated.proto", package="restated", syntax="proto3")
    kinds = file.enum_type.add(name="DataType")
    for number, name in enumerate(_TYPES):
        kinds.value.add(name=f"TYPE_{name}", number=number)
    scalars = {
        "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
        "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    }
    for message, fields in _FIELDS.items():
        made = file.message_type.add(name=message)
        for number, (name, kind) in enumerate(fields.items(), 1):
            word = kind.removeprefix("repeated ")
            field = made.field.add(name=name, number=number, label=3 if kind.startswith("repeated") else 1)
            if word in scalars:
                field.type = scalars[word]
            else:
                field.type = 14 if word == "DataType" else 11
                field.type_name = f".restated.{word}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("restated.ModelConfig"))


def parsed(config: bytes) -> Any:
    """Return a configuration, as protobuf's text format reads it."""
    return text_format.Parse(config, model_config()())
