"""What each claim means for a reader who is no engineer, and what no log can prove."""

from __future__ import annotations

from collections.abc import Mapping

MEANINGS: Mapping[str, str] = {
    "checkpoint signed": "The lab itself vouches for this log: its log key signed the number of entries and one "
    "hash over all of them.",
    "entries unmodified and in order": "Every entry is the one that was logged, and none was moved, changed or "
    "taken out: together they give the very hash that the lab signed.",
    "tree root matches signed checkpoint": "The stored hashes belong to these entries and to no others.",
    "entries well-formed": "Every entry is complete, and can be read in one way only.",
    "append-only since the last audit": "Since a checkpoint that the auditor kept, entries were only added. "
    "Nothing that stood there then was changed or removed.",
    "checkpoints in the log fit": "Every signed state of this log that the log itself mentions is a beginning of "
    "it. A second version shown to somebody else would be found here.",
    "seen by witnesses": "Others have confirmed, with the time, that they saw this log. A lab cannot show another "
    "version to anyone who asks for these confirmations.",
    "session texts signed": "Each offer, answer, announcement and agreement bears the signature of the lab that "
    "it is of. It cannot deny them.",
    "records signed": "The account of each session bears the signatures of both labs.",
    "no session replayed": "No session was run a second time under the same number.",
    "counters complete": "Sessions of two labs are numbered. None is missing without an entry that accounts for it.",
    "records chained": "Each session names the record of the one before, so none could be slipped in or taken out.",
    "sessions within their agreement": "Both labs had signed an agreement before the session, neither had revoked "
    "it, and what was compared, by whom and how, and what was said of matches, is what it allows.",
    "budgets kept": "What the other lab could test in the sessions of a period stays within the number that the "
    "agreement allows. That no session is missing is the claim on counters.",
    "intervals kept": "Sessions were no closer together, and broke off no more often, than the agreement allows.",
    "sets committed before their session": "This lab had fixed its list before the session began. The log shows "
    "the seal of the list, never the list.",
    "one committed key an epoch": "A lab that answers queries under the engine oprf fixed one key beforehand, in its "
    "log, and showed no other one for the same time.",
    "one committed key for every query": "Every single answer under the engine oprf was given under the key that its "
    "lab had fixed: shown by the answers themselves and their proofs, which the labs keep outside the log and which "
    "say nothing of any item.",
    "receivers announced before the record": "Each lab that was to learn something had said so, signed, before.",
    "records follow from their offers": "The record repeats what was offered and accepted, and adds only the "
    "outcome.",
    "result sizes consistent": "No lab says that it learned more than the smaller list could give; where both "
    "learned, they say the same.",
    "succession of logs": "The lab changed the key of its log. The old log ends with the entry that says so, or the "
    "new one says how much of the old is lost, and each new log begins with the signed end of the one before.",
    "one log continues the other": "The later log of this lab takes up the earlier one exactly where that ended: "
    "nothing was logged in between, and the earlier one did not go on.",
    "same record in both logs": "Both labs keep the same account of each session, word for word.",
    "session in both logs": "Whatever one lab signed and the other holds is in its own log too: neither hides a "
    "session.",
    "no fork between the labs": "The log shown here is the one that the other lab was shown at the time.",
    "log reached the peer": "Each lab had seen the other's log up to and with their sessions, so it cannot be "
    "rewritten unseen.",
    "one log for all viewers": "Two copies of one log, shown to two viewers, are the same as far as the shorter goes.",
}
"""By the stable name of the claim."""

CANNOT: tuple[str, ...] = (
    "that what a lab put in was true, or complete;",
    "that the comparison used the list that was sealed (the seal shows only that a list was fixed beforehand);",
    "that a lab learned what it was about to be sent, or what it did with it;",
    "that two labs did not exchange anything outside their logs;",
    "that the answering lab's set of tags was complete.",
)
"""What no log proves, as ends of the sentence `No log can prove ...`."""

WORDS: Mapping[str, str] = {
    "lab": "A party. It runs a node, and keeps one log.",
    "log, entry": "The diary of a node: entries in order, numbered from 0. Entries can be added, never changed.",
    "hash": "A number computed from a text. Whoever changes the text changes the number; nobody can find another text "
    "with the same one.",
    "checkpoint": "A lab's signed word on its log: how many entries there are, and one hash over all of them.",
    "witness, cosignature": "Somebody else who has seen a checkpoint, and signed that it continues the one before.",
    "agreement": "What both labs signed: what may be compared, how often, who learns.",
    "session": "One comparison of two lists. Offer and Accept open it; a record closes it.",
    "record": "The signed account of a session: one text, signed by both labs.",
    "budget": "How much of its list a lab may have compared in a period.",
    "seal (commitment)": "A hash by which a lab fixes a list without showing it.",
    "oprf": "A way of comparing (an engine) in which one lab answers the other's blinded questions under a key.",
    "bundle": "Those questions and answers with their proofs, kept beside the log. They say nothing of any item.",
    "key, KEYS": "What a signature is checked with. KEYS is the list of those that the auditor trusts.",
}
"""Words of the report, for a reader who is no engineer."""
