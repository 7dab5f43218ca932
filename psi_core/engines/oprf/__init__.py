"""The verifiable OPRF of RFC 9497 (ristretto255-SHA512, mode VOPRF), as an engine without I/O.

The sender holds a key k per agreement, epoch and match key; its public key K is committed in its log before first
use. F is the OPRF under k; H hashes to the group; r is a fresh blind for each item (native/src/oprf says why the
wire carries doubles, and why the blind is added).

    receiver, items x                                         sender, items y, key k
    -----------------                                         ----------------------
    chunk i of n:  2 (H(x) + rG)               -->            evaluates its own F(y) meanwhile
                                              <--  chunk i of n: proof, (k/4) of each element
    no output before the chunk's proof holds for K, ctx, i and n
    ============================= barrier =============================
                                              <--  tags of all F(y), sorted, Golomb-Rice coded
                                              <--  labels, sealed, in the tags' order (where the agreement grants any)
    matches: the tag of F(x) is among them
    with direction `both`:
    return values of its matches, sorted, padded  -->         matches: its own return values among them
    labels, sealed, in their order (where granted) -->

Incremental runs (`delta_receiver`) evaluate new items alone, and send tags and labels of what changed.

From F(x) three values are derived with separate labels: the tag (sent), the label key (never sent), the return value
(bound to ctx). `count` is refused: each element has its own blind, so that a shuffled list could not be unblinded.

What is left to the session layer, and why, stands in `lane`: an `OprfLane` carries what Offer and Accept fix beyond
sizes (key statement, ctx, who sends).
"""
