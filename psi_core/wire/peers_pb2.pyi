from psi_core.wire import session_pb2 as _session_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HelloRequest(_message.Message):
    __slots__ = ("lab", "protocols", "time", "profile", "consortium_key_id", "card_fingerprint")
    LAB_FIELD_NUMBER: _ClassVar[int]
    PROTOCOLS_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    CONSORTIUM_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    CARD_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    lab: str
    protocols: _containers.RepeatedScalarFieldContainer[str]
    time: str
    profile: str
    consortium_key_id: str
    card_fingerprint: bytes
    def __init__(self, lab: _Optional[str] = ..., protocols: _Optional[_Iterable[str]] = ..., time: _Optional[str] = ..., profile: _Optional[str] = ..., consortium_key_id: _Optional[str] = ..., card_fingerprint: _Optional[bytes] = ...) -> None: ...

class HelloReply(_message.Message):
    __slots__ = ("lab", "protocols", "time", "profile", "consortium_key_id", "card_fingerprint", "version")
    LAB_FIELD_NUMBER: _ClassVar[int]
    PROTOCOLS_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    CONSORTIUM_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    CARD_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    lab: str
    protocols: _containers.RepeatedScalarFieldContainer[str]
    time: str
    profile: str
    consortium_key_id: str
    card_fingerprint: bytes
    version: str
    def __init__(self, lab: _Optional[str] = ..., protocols: _Optional[_Iterable[str]] = ..., time: _Optional[str] = ..., profile: _Optional[str] = ..., consortium_key_id: _Optional[str] = ..., card_fingerprint: _Optional[bytes] = ..., version: _Optional[str] = ...) -> None: ...

class DeliverRequest(_message.Message):
    __slots__ = ("lab", "note")
    LAB_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    lab: str
    note: bytes
    def __init__(self, lab: _Optional[str] = ..., note: _Optional[bytes] = ...) -> None: ...

class DeliverReply(_message.Message):
    __slots__ = ("state",)
    STATE_FIELD_NUMBER: _ClassVar[int]
    state: str
    def __init__(self, state: _Optional[str] = ...) -> None: ...

class SettleRequest(_message.Message):
    __slots__ = ("lab", "session_id", "record", "abort")
    LAB_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    ABORT_FIELD_NUMBER: _ClassVar[int]
    lab: str
    session_id: str
    record: bytes
    abort: bytes
    def __init__(self, lab: _Optional[str] = ..., session_id: _Optional[str] = ..., record: _Optional[bytes] = ..., abort: _Optional[bytes] = ...) -> None: ...

class SettleReply(_message.Message):
    __slots__ = ("record", "abort", "unknown", "refuse")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    ABORT_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    REFUSE_FIELD_NUMBER: _ClassVar[int]
    record: bytes
    abort: bytes
    unknown: bool
    refuse: bytes
    def __init__(self, record: _Optional[bytes] = ..., abort: _Optional[bytes] = ..., unknown: bool = ..., refuse: _Optional[bytes] = ...) -> None: ...

class OwnCheckpointsRequest(_message.Message):
    __slots__ = ("lab",)
    LAB_FIELD_NUMBER: _ClassVar[int]
    lab: str
    def __init__(self, lab: _Optional[str] = ...) -> None: ...

class OwnCheckpointsReply(_message.Message):
    __slots__ = ("checkpoints",)
    CHECKPOINTS_FIELD_NUMBER: _ClassVar[int]
    checkpoints: _containers.RepeatedCompositeFieldContainer[_session_pb2.Checkpoint]
    def __init__(self, checkpoints: _Optional[_Iterable[_Union[_session_pb2.Checkpoint, _Mapping]]] = ...) -> None: ...

class CosignRequest(_message.Message):
    __slots__ = ("lab", "checkpoint")
    LAB_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    lab: str
    checkpoint: _session_pb2.Checkpoint
    def __init__(self, lab: _Optional[str] = ..., checkpoint: _Optional[_Union[_session_pb2.Checkpoint, _Mapping]] = ...) -> None: ...

class CosignReply(_message.Message):
    __slots__ = ("checkpoint",)
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    checkpoint: _session_pb2.Checkpoint
    def __init__(self, checkpoint: _Optional[_Union[_session_pb2.Checkpoint, _Mapping]] = ...) -> None: ...

class ReadLogRequest(_message.Message):
    __slots__ = ("lab", "file", "consistency", "inclusion", "entries_from")
    LAB_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    CONSISTENCY_FIELD_NUMBER: _ClassVar[int]
    INCLUSION_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FROM_FIELD_NUMBER: _ClassVar[int]
    lab: str
    file: str
    consistency: ConsistencyRange
    inclusion: int
    entries_from: int
    def __init__(self, lab: _Optional[str] = ..., file: _Optional[str] = ..., consistency: _Optional[_Union[ConsistencyRange, _Mapping]] = ..., inclusion: _Optional[int] = ..., entries_from: _Optional[int] = ...) -> None: ...

class ConsistencyRange(_message.Message):
    __slots__ = ("old", "new")
    OLD_FIELD_NUMBER: _ClassVar[int]
    NEW_FIELD_NUMBER: _ClassVar[int]
    old: int
    new: int
    def __init__(self, old: _Optional[int] = ..., new: _Optional[int] = ...) -> None: ...

class ReadLogReply(_message.Message):
    __slots__ = ("file", "proof", "entries", "next")
    FILE_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    file: bytes
    proof: _containers.RepeatedScalarFieldContainer[bytes]
    entries: _containers.RepeatedCompositeFieldContainer[LogEntry]
    next: int
    def __init__(self, file: _Optional[bytes] = ..., proof: _Optional[_Iterable[bytes]] = ..., entries: _Optional[_Iterable[_Union[LogEntry, _Mapping]]] = ..., next: _Optional[int] = ...) -> None: ...

class OwnLogRequest(_message.Message):
    __slots__ = ("lab", "origin", "leaves_from", "entries_from")
    LAB_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    LEAVES_FROM_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FROM_FIELD_NUMBER: _ClassVar[int]
    lab: str
    origin: str
    leaves_from: int
    entries_from: int
    def __init__(self, lab: _Optional[str] = ..., origin: _Optional[str] = ..., leaves_from: _Optional[int] = ..., entries_from: _Optional[int] = ...) -> None: ...

class OwnLogReply(_message.Message):
    __slots__ = ("checkpoint", "leaves", "entries", "next")
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    LEAVES_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    checkpoint: bytes
    leaves: bytes
    entries: _containers.RepeatedCompositeFieldContainer[LogEntry]
    next: int
    def __init__(self, checkpoint: _Optional[bytes] = ..., leaves: _Optional[bytes] = ..., entries: _Optional[_Iterable[_Union[LogEntry, _Mapping]]] = ..., next: _Optional[int] = ...) -> None: ...

class LogEntry(_message.Message):
    __slots__ = ("position", "data")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    position: int
    data: bytes
    def __init__(self, position: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...
