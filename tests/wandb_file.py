"""Reading what W&B writes offline."""

import json
import struct

from wandb.proto import wandb_internal_pb2

BLOCK, HEADER = 32768, 7  # of the log format of LevelDB, which W&B uses


def records(data):
    """The records of a ``.wandb`` file: pieces (checksum, length, kind, bytes) in blocks, after a header."""
    position, record = HEADER, b""
    while position + HEADER <= len(data):
        left = BLOCK - position % BLOCK
        if left < HEADER:  # the rest of a block is padding
            position += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, position)
        record += data[position + HEADER : position + HEADER + length]
        position += HEADER + length
        if kind in (1, 4):  # whole, or the last of several pieces
            yield record
            record = b""


def wandb_runs(folder):
    """The files of the offline runs in a run folder."""
    return list(folder.glob("wandb/offline-run-*/run-*.wandb"))


def history(folder):
    """The last value of each name in an offline run, and its exit status."""
    (file,) = wandb_runs(folder)
    return content(file)


def content(file):
    """The last value of each name in a file of W&B, and the run's exit status."""
    values, exit_code = {}, None
    for data in records(file.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        for item in record.history.item:
            values[item.key or "/".join(item.nested_key)] = json.loads(item.value_json)
        if record.WhichOneof("record_type") == "exit":
            exit_code = record.exit.exit_code
    return values, exit_code
