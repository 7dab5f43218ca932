"""Who a lab is: its keys, its certificate, the card that shows them, and invites sealed for a card.

NodeKeys (private) --card()--> Card (signed, public) --read(), fingerprint read aloud--> pinned by the peer
consortium key --Invite.seal(recipient's card)--> note --Invite.read, open_key--> consortium key
"""
