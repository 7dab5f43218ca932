"""A log's sessions replayed in the order of its entries, as the node itself kept its books.

case.py       the sessions that are open at one point of the log
books.py      hands every step to each topic:
  uniqueness.py   no session id twice
  counters.py     counters of an ordered pair, gaps accounted for
  chain.py        each offer continues from the last record
  commitments.py  sets committed before their session
  terms.py        the node's own policy: agreement, budgets, pace
  epoch_keys.py   one committed key for every query of an epoch (oprf)
  proven_chunks.py  what the record holds of the answers under that key
  barrier.py      receivers announced before the record
  outcomes.py     records that follow from their offers; results no larger than the sets
"""
