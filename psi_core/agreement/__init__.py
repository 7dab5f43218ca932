"""What two labs allow each other, and whether one session may run under it.

Agreement (signed by both), Question (what is asked), Usage (what has happened) --policy.decide--> or Refused
Question --debit.own_debits--> the budget lines that this node writes down
"""
