"""The reserves desk put together: keys, archive, registry, and the signers that sign for the hot wallets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from custody.chains.registry import chain_row
from custody.keys import slip10
from custody.keys.material import Curve
from custody.keys.passphrase import read_passphrase
from custody.primitives.approval import Approval
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId, Family
from custody.primitives.errors import QuorumNotReached, Refused, Unavailable
from custody.reserves.evidence import COSIGNER_ECDSA, ECDSA_MEMBERS, ED25519_MEMBERS, EIP191_OWNERS, TIP191_MEMBERS
from custody.reserves.ownership import OwnershipClaim, OwnershipEvidence
from custody.signers.client import RemoteSigner
from custody.signers.ownership import OwnershipRequest, OwnershipSignature
from exchange.app.blueprint import Blueprint, WalletSpec
from exchange.app.ceremony import RESERVES
from exchange.app.chain_parts import ChainParts
from exchange.app.frost_ownership import sign_together
from exchange.app.home import Home
from exchange.app.keyholders import open_seed
from exchange.app.operator import Operator
from exchange.app.reserve_sources import asset_id
from exchange.app.wallets import frost_wallet, is_frost
from exchange.settlement.accounts import AccountDesk
from exchange.settlement.reserve_archive import ReserveArchive, ReserveKeys
from exchange.settlement.reserves import OwnedClaim, OwnedPlace, ReserveParts, ReservesDesk
from exchange.settlement.scale import ScaleBook

MASTER_PATH, STATEMENT_PATH, LOG_PATH = "m/44h/1h/1h", "m/44h/1h/2h", "m/44h/1h/3h"
DEPOSIT_TIER = "deposit"
METHODS: Mapping[Family, str] = {
    Family.UTXO: COSIGNER_ECDSA,
    Family.EVM: EIP191_OWNERS,
    Family.SOLANA: ED25519_MEMBERS,
    Family.TRON: TIP191_MEMBERS,
    Family.XRPL: ECDSA_MEMBERS,
}


def open_reserves(
    home: Home,
    blueprint: Blueprint,
    books: tuple[AccountDesk, ScaleBook, Callable[[], str]],
    parts: Sequence[ChainParts],
    publishing: tuple[Operator, ReserveKeys],
) -> ReservesDesk:
    """Put the desk together.

    Args:
        home, blueprint: The installation.
        books: Accounts, scales, and the hash of the journal's chain.
        parts: Chains with their reserve sources.
        publishing: Who publishes on chain, and the keys of statements.
    """
    accounts, scales, ledger_head = books
    operator, keys = publishing
    return ReservesDesk(
        ReserveParts(
            exchange=blueprint.exchange,
            asset_ids={
                spec.number: asset_id(
                    Asset(spec.symbol, spec.decimals, ChainId(spec.chain), spec.contract),
                    chain_row(ChainId(spec.chain)).caip2,
                )
                for spec in blueprint.assets
            },
            sources=[part.reserves for part in parts],
            keys=keys,
            archive=ReserveArchive(home.reserves),
            registry=operator,
            now_s=lambda: time.time_ns() // 1_000_000_000,
            ledger_head=ledger_head,
            hot_evidence=HotSigners(home, blueprint).evidence,
        ),
        accounts,
        scales,
    )


def ownership_request(place: OwnedPlace, claim: OwnershipClaim) -> OwnershipRequest:
    """The claim as a signer is asked to sign it; the signer builds the text itself."""
    return OwnershipRequest(
        wallet_id=place.wallet_id,
        exchange=claim.exchange,
        seq=claim.seq,
        ctx=claim.ctx,
        chain=claim.chain,
        address=claim.address,
        nonce=claim.nonce,
        expires=claim.expires,
    )


def as_evidence(claim: OwnershipClaim, family: Family, signed: Iterable[OwnershipSignature]) -> OwnershipEvidence:
    """Put the signatures over one text together."""
    given = tuple(signed)
    script = given[0].script if given else ""
    pairs = tuple((each.key, each.signature) for each in given)
    return OwnershipEvidence(claim.chain, claim.address, METHODS[family], pairs, script)


class HotSigners:
    """Asks signer processes for the texts of the hot wallets and deposit accounts."""

    def __init__(self, home: Home, blueprint: Blueprint) -> None:
        names = (*blueprint.signers, blueprint.sender)
        self._signers = {name: RemoteSigner(name, home.socket(name)) for name in names}
        self._sender = blueprint.sender
        self._wallets = {spec.id: spec for spec in blueprint.wallets}

    def evidence(self, claims: Sequence[OwnedClaim], approvals: Sequence[Approval]) -> Sequence[OwnershipEvidence]:
        """Collect a quorum of signatures for every claim.

        Raises:
            QuorumNotReached: Too few signers answered; what they said is in the message.
        """
        return [self._one(place, claim, tuple(approvals)) for place, claim in claims]

    def _one(self, place: OwnedPlace, claim: OwnershipClaim, approvals: tuple[Approval, ...]) -> OwnershipEvidence:
        spec = self._wallets[place.wallet_id]
        if is_frost(spec):
            group = {number: self._signers[member.signer] for number, member in enumerate(spec.members, start=1)}
            together = sign_together(frost_wallet(spec), group, ownership_request(place, claim), approvals)
            return as_evidence(claim, Family.SOLANA, [together])
        names, needed = self._who(place, spec)
        signed: list[OwnershipSignature] = []
        said: list[str] = []
        for name in names:
            if len(signed) == needed:
                break
            try:
                signed.append(self._signers[name].sign_ownership(ownership_request(place, claim), approvals))
            except (Refused, Unavailable) as error:
                said.append(f"{name}: {error.message}")
        if len(signed) < needed:
            raise QuorumNotReached(
                f"ownership of {claim.address}: {len(signed)} of {needed} signers; {'; '.join(said)}",
                signed=len(signed),
                threshold=needed,
            )
        return as_evidence(claim, chain_row(ChainId(spec.chain)).family, signed)

    def _who(self, place: OwnedPlace, spec: WalletSpec) -> tuple[tuple[str, ...], int]:
        if place.tier == DEPOSIT_TIER:
            return (self._sender,), 1
        return tuple(member.signer for member in spec.members), spec.threshold


def open_reserve_keys(home: Home) -> ReserveKeys:
    """Unseal the keys of statements.

    Raises:
        NotFound, Refused, VerificationFailed: No keystore, open to others, or a wrong passphrase.
    """
    seed = open_seed(home.keystore(RESERVES), read_passphrase(home.passphrase))
    master, statement, log = (
        slip10.derive(seed, path, Curve.ED25519) for path in (MASTER_PATH, STATEMENT_PATH, LOG_PATH)
    )
    return ReserveKeys(master, statement, log)
