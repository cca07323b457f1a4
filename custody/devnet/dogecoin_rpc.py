"""A simulator: the questions our adapter puts to a Dogecoin node of version 1.14, answered from the ledger.

Rules:
    * Names, shapes and error numbers are those of the real node, its age included: `getblock` takes yes or no,
      there is no `scantxoutset` and no `testmempoolaccept`, an unknown fee rate is -1.
    * `sim_*` methods exist in this simulator only: faucet, blocks, and faults to order.

Example:
    DogecoinRpc(DogecoinLedger()).answer({"id": 1, "method": "getblockcount", "params": []})
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from custody.chains.utxo.address import script_of_address
from custody.chains.utxo.params import DOGECOIN_REGTEST
from custody.devnet import dogecoin_rules as rules
from custody.devnet.dogecoin_ledger import FAUCET_SCRIPT, DogecoinLedger, SimBlock, SimTx, read_tx
from custody.devnet.dogecoin_rules import TxRefused
from custody.primitives.errors import ToolkitError

VERSION = "/Dogecoin 1.14 rules: simulator/"
MAX_MINED_BLOCKS = 10_000

_MISC, _INVALID_ADDRESS_OR_KEY, _INVALID_PARAMETER, _METHOD_NOT_FOUND = -1, -5, -8, -32601
_COIN_MARK = re.compile(r'"@coins:([0-9.]+)"')

Json = Any


class AnswerLost(Exception):
    """The question was carried out and nobody will hear of it."""


class DogecoinRpc:
    """Answers questions about one ledger."""

    def __init__(self, ledger: DogecoinLedger) -> None:
        self._ledger = ledger
        self._lost: dict[str, int] = {}
        self._lies: dict[str, Json] = {}
        self._methods: dict[str, Callable[..., Json]] = {
            "getblockcount": lambda: ledger.tip.height,
            "getbestblockhash": lambda: ledger.tip.hash,
            "getblockhash": self._block_hash,
            "getblockheader": lambda block_hash: self._header(self._block_of(block_hash)),
            "getblock": self._block,
            "getrawtransaction": self._raw_transaction,
            "decoderawtransaction": lambda text: _tx_json(_as_tx(bytes.fromhex(text))),
            "sendrawtransaction": lambda text, *_: ledger.accept(bytes.fromhex(text)),
            "gettxout": self._tx_out,
            "getrawmempool": lambda: list(ledger.pool),
            "getmempoolinfo": lambda: {"size": len(ledger.pool), "mempoolminfee": coins(0)},
            "getnetworkinfo": lambda: {"subversion": VERSION, "relayfee": coins(rules.MIN_RELAY_KOINU_PER_KB)},
            "getblockchaininfo": lambda: {"chain": "regtest", "blocks": ledger.tip.height},
            "estimatesmartfee": lambda blocks: {"feerate": -1, "blocks": blocks},
            "generatetoaddress": lambda count, to: self._mine(count, _script(to)),
            "sim_mine": lambda count: self._mine(count, FAUCET_SCRIPT),
            "sim_fund": lambda values: ledger.fund({_script(to): value for to, value in values.items()}),
            "sim_holds": lambda to: ledger.holds(_script(to)),
            "sim_reorganise": ledger.reorganise,
            "sim_evict": ledger.evict,
            "sim_malleate": ledger.malleate,
            "sim_lose": self._lost.__setitem__,
            "sim_lie": self._lies.__setitem__,
            "sim_be_honest": self._lies.clear,
        }

    def answer(self, question: Json) -> Json:
        """Answer one question, or a list of them.

        Raises:
            AnswerLost: As ordered by `sim_lose`, after the question was carried out.
        """
        if isinstance(question, list):
            return [self.answer(one) for one in question]
        if not isinstance(question, dict):
            return _failure(None, -32600, "Invalid Request object")
        number, name = question.get("id"), str(question.get("method"))
        method = self._methods.get(name)
        if method is None:
            return _failure(number, _METHOD_NOT_FOUND, "Method not found")
        try:
            result = method(*(question.get("params") or []))
        except TxRefused as refusal:
            return _failure(number, refusal.number, refusal.text)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, ToolkitError) as error:
            return _failure(number, _MISC, f"{error!r}")
        if self._lost.get(name, 0) > 0:
            self._lost[name] -= 1
            raise AnswerLost(name)
        return {"result": self._lies.get(name, result), "error": None, "id": number}

    def _block_of(self, block_hash: str) -> SimBlock:
        if block_hash not in self._ledger.blocks:
            raise TxRefused(_INVALID_ADDRESS_OR_KEY, "Block not found")
        return self._ledger.blocks[block_hash]

    def _block_hash(self, height: int) -> str:
        if type(height) is not int or not 0 <= height <= self._ledger.tip.height:
            raise TxRefused(_INVALID_PARAMETER, "Block height out of range")
        return self._ledger.chain[height].hash

    def _header(self, block: SimBlock) -> dict[str, Json]:
        shown: dict[str, Json] = {
            "hash": block.hash,
            "height": block.height,
            "confirmations": self._depth(block),
            "time": block.time_s,
        }
        return shown | ({"previousblockhash": block.parent} if block.parent else {})

    def _depth(self, block: SimBlock) -> int:
        chain = self._ledger.chain
        on_it = block.height < len(chain) and chain[block.height] is block
        return len(chain) - block.height if on_it else -1

    def _block(self, block_hash: str, verbose: Json = True) -> Json:  # noqa: FBT002 - as the node has it
        if type(verbose) is not bool:
            raise TxRefused(_MISC, "JSON value is not a boolean as expected")
        block = self._block_of(block_hash)
        if not verbose:
            raise TxRefused(_MISC, "this simulator keeps no serialised blocks")
        return self._header(block) | {"tx": [each.txid for each in block.txs] or ["00" * 32]}

    def _raw_transaction(self, txid: str, verbose: Json = False) -> Json:  # noqa: FBT002 - as the node has it
        block = self._ledger.where.get(txid)
        waiting = self._ledger.pool.get(txid)
        found = waiting or next((each for each in (block.txs if block else ()) if each.txid == txid), None)
        if found is None:
            raise TxRefused(_INVALID_ADDRESS_OR_KEY, "No such mempool or blockchain transaction.")
        if not verbose:
            return found.raw.hex()
        placed = {"blockhash": block.hash, "confirmations": self._depth(block)} if block else {}
        return _tx_json(found) | {"hex": found.raw.hex()} | placed

    def _tx_out(self, txid: str, vout: int, with_pool: bool = True) -> Json:  # noqa: FBT001, FBT002 - as the node has it
        coin = self._ledger.unspent.get((txid, vout))
        taken = {outpoint for each in self._ledger.pool.values() for outpoint in each.spends}
        if coin is None or (with_pool and (txid, vout) in taken):
            return None
        return {
            "confirmations": self._ledger.tip.height - coin.height + 1,
            "value": coins(coin.value),
            "scriptPubKey": {"hex": coin.script.hex()},
            "coinbase": coin.coinbase,
        }

    def _mine(self, count: int, script: bytes) -> list[str]:
        if not 1 <= count <= MAX_MINED_BLOCKS:
            raise TxRefused(_INVALID_PARAMETER, f"1 to {MAX_MINED_BLOCKS} blocks")
        return self._ledger.mine(count, script)


def coins(koinu: int) -> str:
    """A number of coins in JSON: marked here, and written as a bare decimal by `to_json`."""
    return f"@coins:{koinu // 10**8}.{koinu % 10**8:08d}"


def to_json(answer: Json) -> bytes:
    """Write an answer; no value passes through a binary fraction."""
    return _COIN_MARK.sub(r"\1", json.dumps(answer)).encode()


def _tx_json(found: SimTx) -> dict[str, Json]:
    tx = found.tx
    spends = [
        {"coinbase": entry.script_sig.data.hex(), "sequence": entry.sequence}
        if entry.txid == bytes(32)
        else {
            "txid": entry.txid.hex(),
            "vout": entry.vout,
            "scriptSig": {"hex": entry.script_sig.data.hex()},
            "sequence": entry.sequence,
        }
        for entry in tx.vin
    ]
    outputs = [
        {"value": coins(output.value), "n": number, "scriptPubKey": {"hex": output.script_pubkey.data.hex()}}
        for number, output in enumerate(tx.vout)
    ]
    return {"txid": found.txid, "size": len(found.raw), "version": tx.version, "locktime": tx.locktime} | {
        "vin": spends,
        "vout": outputs,
    }


def _as_tx(raw: bytes) -> SimTx:
    tx = read_tx(raw)
    return SimTx(tx.txid().hex(), raw, tx, 0)


def _script(address: str) -> bytes:
    return script_of_address(address, DOGECOIN_REGTEST)


def _failure(number: Json, code: int, message: str) -> Json:
    return {"result": None, "error": {"code": code, "message": message}, "id": number}
