"""The EVM family: Safe multisig on Ethereum and its relatives, a chain is a row.

Rules:
    * Codecs (`codec`, `sweep`) are pure; only `reader`, `sweep_reader`, `broadcaster`, `deploy` and
      `verify` ask a node, through `node.EvmNode`.
    * The digest that owners sign is computed here from the fields alone, never asked from a node.
    * A delegatecall goes to the pinned MultiSendCallOnly and nowhere else.
    * A payment is dead only when another SafeTx was finally executed with its Safe nonce: the owner
      signatures of a reverted transaction are public, and anyone may execute them later.
"""
