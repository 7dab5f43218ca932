"""ECDH on P-256 by openmined-psi (raw container), as an engine without I/O.

Items fall into `b` buckets by their first 8 bytes; each bucket is filled to `s` with random items and is one
run of the library under a fresh key of either side (a: receiver, k: sender; H: hash to the curve).

    receiver                                                  sender
    --------                                                  ------
    request:  a * H(item), shuffled           -->
                                              <--  set-up:    k * H(item), sorted
    ============================= barrier =============================
                                              <--  responses: k * (a * H(item)), in the request's order;
                                                              with reveal `count` sorted
    matches:  a^-1 * response is in the set-up

Messages are bare points, 33 bytes each, `b * s` of them; each bucket is cut into frames of at most 31,775
points. No serialised message of the peer is ever parsed: the library's own messages are rebuilt in the child
from points whose number, length, encoding, order and distinctness were checked here first. On others the
library aborts the process, spins or returns a wrong result.
"""
