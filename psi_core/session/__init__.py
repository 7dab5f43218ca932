"""One run between two labs, without I/O: signed texts, items, canaries, transcripts, records.

    initiator                                   responder
        │  Offer (signed) ─────────────────────────▶ │  policy, snapshots, debit, log
        │ ◀───────────────────── Accept | Refuse     │
        │  policy, debit, log                        │
        │  Begin | Refuse ──────────────────────────▶│
        │ ◀════ engine frames, up to the barrier ═══▶│
        │ ◀──── PreRecord, one per receiver ────────▶│  logged by the sender before it completes
        │ ◀════ completing frames ══════════════════▶│
        │ ◀──── Result, one per receiver ───────────▶│
        │ ◀──── Record: first signer, then second ──▶│
        │ ◀──── checkpoints ────────────────────────▶│

psi_service/sessions drives this over gRPC; the auditor reads the same texts from the logs.
"""
