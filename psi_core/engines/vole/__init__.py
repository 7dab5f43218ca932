"""VOLE-PSI (RR22), malicious by default: large sets at about a microsecond and 40 bytes an item.

    receiver                                          sender
    --------                                          ------
                                            <--  commitment, choices of base OTs
    offers, seed, columns of OT extension    -->
                                            <--  challenge
    answer                                   -->
                                            <--  corrections of the trees
    challenges                               -->
                                            <--  answers
    the masked store, about 1.36 elements an item  -->
                                            <--  opening of the commitment
    ============================= barrier =============================
                                            <--  tags of all items, ascending
                                            <--  labels, sealed, in the tags' order (where the agreement grants any)

docs/vole.md holds the mathematics; the machines are Rust (native/src/vole), without I/O, and need the native core.
`count` is refused: a receiver compares tags itself, so it always sees which of its items match.
Whatever goes wrong in a run is one and the same ProtocolFault: which check failed would tell a peer something.
"""
