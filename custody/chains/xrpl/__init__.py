"""XRP Ledger: accounts with a signer list, payments by ticket, one deposit address with a tag per customer.

`wallet` names the account and its members, `setup` puts them on the ledger; `codec` plans and assembles without
a network; `reader` and `broadcaster` ask a node; `tickets` keeps the stock of tickets.
"""
