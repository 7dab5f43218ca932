from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SessionFrame(_message.Message):
    __slots__ = ("offer", "accept", "refuse", "begin", "engine", "pre_record", "result", "record", "checkpoint", "abort", "resume", "resumed")
    OFFER_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_FIELD_NUMBER: _ClassVar[int]
    REFUSE_FIELD_NUMBER: _ClassVar[int]
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    PRE_RECORD_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    ABORT_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    RESUMED_FIELD_NUMBER: _ClassVar[int]
    offer: bytes
    accept: bytes
    refuse: bytes
    begin: Begin
    engine: EngineFrame
    pre_record: bytes
    result: Result
    record: bytes
    checkpoint: Checkpoint
    abort: bytes
    resume: Resume
    resumed: Resumed
    def __init__(self, offer: _Optional[bytes] = ..., accept: _Optional[bytes] = ..., refuse: _Optional[bytes] = ..., begin: _Optional[_Union[Begin, _Mapping]] = ..., engine: _Optional[_Union[EngineFrame, _Mapping]] = ..., pre_record: _Optional[bytes] = ..., result: _Optional[_Union[Result, _Mapping]] = ..., record: _Optional[bytes] = ..., checkpoint: _Optional[_Union[Checkpoint, _Mapping]] = ..., abort: _Optional[bytes] = ..., resume: _Optional[_Union[Resume, _Mapping]] = ..., resumed: _Optional[_Union[Resumed, _Mapping]] = ...) -> None: ...

class Begin(_message.Message):
    __slots__ = ("session_id", "ctx")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CTX_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    ctx: bytes
    def __init__(self, session_id: _Optional[str] = ..., ctx: _Optional[bytes] = ...) -> None: ...

class Resume(_message.Message):
    __slots__ = ("session_id", "ctx", "answered")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CTX_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    ctx: bytes
    answered: int
    def __init__(self, session_id: _Optional[str] = ..., ctx: _Optional[bytes] = ..., answered: _Optional[int] = ...) -> None: ...

class Resumed(_message.Message):
    __slots__ = ("answered",)
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    answered: int
    def __init__(self, answered: _Optional[int] = ...) -> None: ...

class EngineFrame(_message.Message):
    __slots__ = ("lane", "run", "payload")
    LANE_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    lane: int
    run: int
    payload: bytes
    def __init__(self, lane: _Optional[int] = ..., run: _Optional[int] = ..., payload: _Optional[bytes] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("lanes",)
    LANES_FIELD_NUMBER: _ClassVar[int]
    lanes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, lanes: _Optional[_Iterable[str]] = ...) -> None: ...

class Checkpoint(_message.Message):
    __slots__ = ("note", "cosigned", "proof_from", "consistency_proof")
    NOTE_FIELD_NUMBER: _ClassVar[int]
    COSIGNED_FIELD_NUMBER: _ClassVar[int]
    PROOF_FROM_FIELD_NUMBER: _ClassVar[int]
    CONSISTENCY_PROOF_FIELD_NUMBER: _ClassVar[int]
    note: bytes
    cosigned: bytes
    proof_from: int
    consistency_proof: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, note: _Optional[bytes] = ..., cosigned: _Optional[bytes] = ..., proof_from: _Optional[int] = ..., consistency_proof: _Optional[_Iterable[bytes]] = ...) -> None: ...
