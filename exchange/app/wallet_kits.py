"""How the wallets of each family are described from the public keys of their holders.

Rules:
    * A kit names keys by path; it never sees a secret.
    * `service` keys (fee payers, gas senders, deposit branches) belong to the sender's signer process; a cold wallet
      has service keys of its own, so that no sequence is shared between tiers.

Example:
    spec = KITS[row.family].spec(row, "hot", 2, holders, service)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from custody.keys.material import Curve
from custody.primitives.chain import Family
from exchange.app.blueprint import MemberSpec, WalletSpec
from exchange.app.keyholders import OPENER_PATH
from exchange.app.local_chains import SOLANA_PATH, LocalChain

HOT, WARM, COLD = "hot", "warm", "cold"
HOT_THRESHOLD, WARM_THRESHOLD, COLD_THRESHOLD = 2, 2, 3
"""Of three signer processes, of three others, and of five cold keys."""
EVM_SENDERS = {HOT: "m/44h/60h/1h/0/0", COLD: "m/44h/60h/1h/0/1", WARM: "m/44h/60h/1h/0/3"}
EVM_DEPOSITS = "m/44h/60h/0h"
EVM_STATION = "m/44h/60h/1h/0/2"
SOLANA_PAYERS = {HOT: SOLANA_PATH, COLD: "m/44h/501h/1h/0h"}
TRON_ACCOUNTS = {HOT: "m/44h/195h/9h/0/0", COLD: "m/44h/195h/9h/0/1"}
TRON_DEPOSITS = "m/44h/195h/0h"
TRON_STATION = "m/44h/195h/1h/0/0"
XRPL_ACCOUNTS = {HOT: "m/44h/144h/9h/0/0", COLD: "m/44h/144h/9h/0/1"}
OPENER_PATHS = {Family.TRON: TRON_ACCOUNTS, Family.XRPL: XRPL_ACCOUNTS}
"""Where the opener derives the key that opens a tier's account; the account is handed to its members at once."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Public keys of one key holder.

    Attributes:
        name: Of the signer process, or of the cold key.
        fingerprint: Of its root key, 8 hex digits.
        keys: Path -> public key in hex.
        xpubs: Path -> extended public key, secp256k1 only.
    """

    name: str
    fingerprint: str
    keys: Mapping[str, str]
    xpubs: Mapping[str, str]

    def origin(self, path: str) -> str:
        """The key with its origin, as descriptors write it."""
        return f"[{self.fingerprint}{path[1:]}]{self.xpubs[path]}"


@dataclass(frozen=True, slots=True)
class ServiceKeys:
    """Keys beside the hot multisig: the sender's, those that open accounts, and the cold members'."""

    sender: Holder
    opener: Holder
    cold: Sequence[Holder]


@dataclass(frozen=True, slots=True)
class WalletKit:
    """What one family adds to the keys of its members.

    Attributes:
        curve: Of the members' keys.
        key: Text of a member's key in the blueprint.
        service: (row, tier, keys) -> further public keys by name.
        sender_paths: Keys of the hot wallet that the sender's signer holds, by name.
        warm_paths: Keys of the warm wallet that it holds, by name.
        sender_curves: Every path the sender must derive for the family, all tiers.
    """

    curve: Curve
    key: Callable[[Holder, str], str] = field(default=lambda holder, path: holder.keys[path])
    service: Callable[[LocalChain, str, ServiceKeys], dict[str, str]] = field(default=lambda _row, _tier, _keys: {})
    sender_paths: Mapping[str, str] = field(default_factory=dict)
    warm_paths: Mapping[str, str] = field(default_factory=dict)
    sender_curves: Mapping[str, Curve] = field(default_factory=dict)

    def spec(
        self, row: LocalChain, tier: str, threshold: int, holders: Sequence[Holder], keys: ServiceKeys
    ) -> WalletSpec:
        """Describe one wallet."""
        members = tuple(MemberSpec(each.name, row.member_path, self.key(each, row.member_path)) for each in holders)
        return WalletSpec(f"{tier}-{row.wallet}", tier, row.chain, threshold, members, self.service(row, tier, keys))


def _evm_service(_row: LocalChain, tier: str, keys: ServiceKeys) -> dict[str, str]:
    service = {"salt_nonce": "0", "sender": keys.sender.keys[EVM_SENDERS[tier]]}
    if tier == HOT:
        service |= {"deposit_path": EVM_DEPOSITS, "deposit_xpub": keys.sender.xpubs[EVM_DEPOSITS]}
        service["gas_station"] = keys.sender.keys[EVM_STATION]
    return service


def _solana_service(_row: LocalChain, tier: str, keys: ServiceKeys) -> dict[str, str]:
    path = SOLANA_PAYERS[tier]
    return {
        "fee_payer": keys.sender.keys[path],
        "fee_payer_path": path,
        "opener": keys.opener.keys[OPENER_PATH],
        "opener_path": OPENER_PATH,
    }


def _tron_service(row: LocalChain, tier: str, keys: ServiceKeys) -> dict[str, str]:
    service = {"account": keys.opener.keys[TRON_ACCOUNTS[tier]]}
    if tier == HOT:  # what may change the hot account's permissions lies cold
        owners = " ".join(holder.keys[row.member_path] for holder in keys.cold)
        service |= {"owners": owners, "owner_threshold": str(COLD_THRESHOLD)}
        service |= {"deposit_path": TRON_DEPOSITS, "deposit_xpub": keys.sender.xpubs[TRON_DEPOSITS]}
        service["gas_station"] = keys.sender.keys[TRON_STATION]
    return service


def _xrpl_service(_row: LocalChain, tier: str, keys: ServiceKeys) -> dict[str, str]:
    return {"account": keys.opener.keys[XRPL_ACCOUNTS[tier]]}


KITS: Mapping[Family, WalletKit] = {
    Family.UTXO: WalletKit(Curve.SECP256K1, key=Holder.origin),
    Family.EVM: WalletKit(
        Curve.SECP256K1,
        service=_evm_service,
        sender_paths={"sender": EVM_SENDERS[HOT], "deposits": EVM_DEPOSITS, "gas_station": EVM_STATION},
        warm_paths={"sender": EVM_SENDERS[WARM]},
        sender_curves=dict.fromkeys((*EVM_SENDERS.values(), EVM_DEPOSITS, EVM_STATION), Curve.SECP256K1),
    ),
    Family.SOLANA: WalletKit(
        Curve.ED25519,
        service=_solana_service,
        sender_paths={"sender": SOLANA_PAYERS[HOT]},
        sender_curves=dict.fromkeys(SOLANA_PAYERS.values(), Curve.ED25519),
    ),
    Family.TRON: WalletKit(
        Curve.SECP256K1,
        service=_tron_service,
        sender_paths={"deposits": TRON_DEPOSITS, "gas_station": TRON_STATION},
        sender_curves=dict.fromkeys((TRON_DEPOSITS, TRON_STATION), Curve.SECP256K1),
    ),
    Family.XRPL: WalletKit(Curve.SECP256K1, service=_xrpl_service),
}
"""One kit a family."""
