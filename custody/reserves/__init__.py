"""Proof of reserves: what we owe (Merkle-sum trees), what we hold (ownership), and one signed statement of both.

Proven: nobody who checks is left out or understated, and the published total is at least the sum of all who check.
Not proven: any other date than the cut-off, debts outside the books, and customers who do not check.

Rules:
    * `leaf`, `tree`, `proof`, `verify` are pure and need the standard library alone.
    * Amounts are whole ledger quanta; a node commits to both child sums, so no sum is free.
    * A statement that does not equal the control accounts of the ledger is not built.
    * Every verifier raises; none returns false.
"""
