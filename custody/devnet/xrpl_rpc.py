"""The subset of an XRP Ledger node's JSON-RPC that our adapter uses, answered from the simulated ledger.

Rules:
    * Shapes, error tokens and engine results are those of a real node, interface version 1, so that the same
      adapter talks to both. What is not here answers "unknownCmd".
    * `devnet_*` commands exist in this simulator only.
    * `server_state` says "simulator" where a node names its build.

Example:
    XrplRpc(ledger).answer({"method": "fee", "params": [{}]})
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from custody.devnet.xrpl_checks import NETWORK_ID
from custody.devnet.xrpl_ledger import ClosedLedger, LocalRefusal, SimLedger
from custody.devnet.xrpl_world import BASE_FEE_DROPS, BASE_RESERVE_DROPS, OBJECT_RESERVE_DROPS, SimAccount

BUILD = "simulator"
MAX_CLOSED_AT_ONCE = 10_000
MAX_SEARCHED = 1_000

Json = Any


class _Stated(Exception):
    def __init__(self, token: str, **more: Json) -> None:
        super().__init__(token)
        self.token, self.more = token, more


class XrplRpc:
    """Answers questions about one ledger."""

    def __init__(self, ledger: SimLedger) -> None:
        self.ledger = ledger
        self._methods: dict[str, Callable[[dict[str, Json]], dict[str, Json]]] = {
            "server_state": self._server_state,
            "fee": self._fee,
            "ledger": self._ledger,
            "account_info": self._account_info,
            "account_objects": self._account_objects,
            "tx": self._tx,
            "submit": self._submit,
            "devnet_close": self._close,
            "devnet_pay": self._pay,
            "devnet_fault": self._fault,
            "devnet_fee": self._set_fee,
        }

    def answer(self, question: Json) -> Json:
        """Answer one question."""
        if not isinstance(question, dict):
            return {"result": {"status": "error", "error": "jsonInvalid"}}
        method = self._methods.get(str(question.get("method")))
        asked = (question.get("params") or [{}])[0]
        if method is None:
            return {"result": {"status": "error", "error": "unknownCmd", "error_code": 32}}
        try:
            return {"result": {**method(asked), "status": "success"}}
        except _Stated as stated:
            return {"result": {"error": stated.token, "status": "error", "request": asked, **stated.more}}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return {"result": {"error": "invalidParams", "error_message": repr(error), "status": "error"}}

    def _server_state(self, _: dict[str, Json]) -> dict[str, Json]:
        newest = self.ledger.validated
        held = ",".join(f"{low}-{high}" for low, high in self.ledger.ranges())
        validated = {
            "base_fee": BASE_FEE_DROPS,
            "hash": newest.hash,
            "reserve_base": BASE_RESERVE_DROPS,
            "reserve_inc": OBJECT_RESERVE_DROPS,
            "seq": newest.index,
        }
        state = {
            "build_version": BUILD,
            "complete_ledgers": held,
            "network_id": NETWORK_ID,
            "server_state": "full",
            "validated_ledger": validated,
        }
        return {"state": state}

    def _fee(self, _: dict[str, Json]) -> dict[str, Json]:
        drops = {"base_fee": str(BASE_FEE_DROPS), "open_ledger_fee": str(self.ledger.fee_drops)}
        return {"drops": drops, "ledger_current_index": self.ledger.open_index}

    def _ledger(self, asked: dict[str, Json]) -> dict[str, Json]:
        found = self._at(asked)
        shown: dict[str, Json] = {
            "closed": True,
            "close_time": found.close_time,
            "ledger_hash": found.hash,
            "ledger_index": str(found.index),
            "parent_hash": found.parent,
        }
        if asked.get("transactions"):
            full = [{k: v for k, v in entry.items() if k != "ledger_index"} for entry in found.transactions]
            shown["transactions"] = full if asked.get("expand") else [entry["hash"] for entry in full]
        return {"ledger": shown, "ledger_hash": found.hash, "ledger_index": found.index, "validated": True}

    def _account_info(self, asked: dict[str, Json]) -> dict[str, Json]:
        at, account = self._account(asked)
        root: dict[str, Json] = {
            "Account": asked["account"],
            "Balance": str(account.balance),
            "Flags": account.flags,
            "LedgerEntryType": "AccountRoot",
            "OwnerCount": account.owned,
            "Sequence": account.sequence,
        }
        if asked.get("signer_lists"):
            entries = [{"SignerEntry": {"Account": name, "SignerWeight": w}} for name, w in account.signers]
            held = {"SignerQuorum": account.quorum, "SignerEntries": entries, "SignerListID": 0}
            root["signer_lists"] = [held] if account.signers else []
        return {"account_data": root, "ledger_index": at.index, "ledger_hash": at.hash, "validated": True}

    def _account_objects(self, asked: dict[str, Json]) -> dict[str, Json]:
        at, account = self._account(asked)
        limit, start = int(asked.get("limit", 200)), int(asked.get("marker", 0))
        if asked.get("type") != "ticket":
            raise _Stated("invalidParams", error_message="the simulator lists tickets only")
        tickets = sorted(account.tickets)[start : start + limit]
        objects = [
            {"LedgerEntryType": "Ticket", "Account": asked["account"], "TicketSequence": ticket} for ticket in tickets
        ]
        more = {"marker": str(start + limit)} if start + limit < len(account.tickets) else {}
        found = {"account": asked["account"], "account_objects": objects, "limit": limit}
        return {**found, **more, "ledger_index": at.index, "validated": True}

    def _tx(self, asked: dict[str, Json]) -> dict[str, Json]:
        txid = asked["transaction"]
        low, high = asked.get("min_ledger"), asked.get("max_ledger")
        if low is not None and high is not None and high - low > MAX_SEARCHED:
            raise _Stated("excessiveLgrRange")
        index, entry = self.ledger.by_txid.get(txid, (0, None))
        if entry is not None and index > self.ledger.validated.index:
            return {**_flat(entry), "validated": False}
        if entry is not None and self.ledger.ledger(index) is not None:
            return {**_flat(entry), "validated": True}
        waiting = next((each for each in self.ledger.pool if each.txid == txid), None)
        if waiting is not None:
            return {**waiting.fields, "hash": txid, "validated": False}
        searched: dict[str, Json] = {}
        if low is not None and high is not None:
            searched["searched_all"] = any(a <= low and high <= b for a, b in self.ledger.ranges())
        raise _Stated("txnNotFound", error_code=29, error_message="Transaction not found.", **searched)

    def _submit(self, asked: dict[str, Json]) -> dict[str, Json]:
        try:
            result, fields = self.ledger.submit(bytes.fromhex(asked["tx_blob"]))
        except LocalRefusal as refused:
            raise _Stated("invalidTransaction", error_exception=str(refused)) from refused
        return {
            "accepted": True,
            "engine_result": result,
            "engine_result_message": f"{result} ({BUILD})",
            "tx_blob": asked["tx_blob"],
            "tx_json": fields,
            "validated_ledger_index": self.ledger.validated.index,
        }

    def _close(self, asked: dict[str, Json]) -> dict[str, Json]:
        count = int(asked.get("ledgers", 1))
        if not 0 < count <= MAX_CLOSED_AT_ONCE:
            raise _Stated("invalidParams", error_message=f"1 to {MAX_CLOSED_AT_ONCE} ledgers")
        for _ in range(count):
            self.ledger.close()
        return {"ledger_index": self.ledger.validated.index}

    def _pay(self, asked: dict[str, Json]) -> dict[str, Json]:
        drops = int(asked["drops"])
        return {"hash": self.ledger.pay(asked["to"], drops, asked.get("tag"), int(asked.get("asked", drops)))}

    def _fault(self, asked: dict[str, Json]) -> dict[str, Json]:
        faults = self.ledger.faults
        for name, value in asked.items():
            if name != "api_version":
                getattr(faults, name)
                setattr(faults, name, tuple(value) if name == "gap" and value else value)
        return {}

    def _set_fee(self, asked: dict[str, Json]) -> dict[str, Json]:
        self.ledger.fee_drops = int(asked["drops"])
        return {}

    def _at(self, asked: dict[str, Json]) -> ClosedLedger:
        index = asked.get("ledger_index", "validated")
        found = self.ledger.validated if index == "validated" else self.ledger.ledger(int(index))
        if found is None:
            raise _Stated("lgrNotFound", error_code=21, error_message="ledgerNotFound")
        return found

    def _account(self, asked: dict[str, Json]) -> tuple[ClosedLedger, SimAccount]:
        at = self._at(asked)
        account = at.world.get(asked["account"])
        if account is None:
            raise _Stated("actNotFound", error_code=19, error_message="Account not found.")
        return at, account


def _flat(entry: dict[str, Json]) -> dict[str, Json]:
    return {("meta" if name == "metaData" else name): value for name, value in entry.items()}
