"""The ceremony of a FROST wallet: a key for native SOL whose shares lie in the folders of its signers.

The quick form, for local chains: all participants of the distributed key generation run on this machine, one
after the other. The key itself is never computed. Each share is read back from its sealed file, checked against
the public commitments, and a quorum signs a test text before the wallet is described. The transcript holds
public values only.

Example:
    made = hold_frost_ceremony(FrostPlaces("hot-sol", "hot", "solana-local", opener), folders, passphrase)
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from custody.keys import ed25519, frost, frost_dkg, frost_shares
from custody.keys.material import PublicKey, SigningRole
from custody.keys.paths import HARDENED
from custody.primitives.encoding import Json, canonical_json
from custody.primitives.invariant import invariant
from custody.primitives.secret import Secret
from custody.signers.home import SignerHome
from custody.signers.provision import register_wallet, store_share
from exchange.app.blueprint import MemberSpec, WalletSpec
from exchange.app.wallets import FROST, frost_wallet

TRANSCRIPT_FORMAT = "mext/frost-ceremony/1"
THRESHOLD = 2


@dataclass(frozen=True, slots=True)
class FrostPlaces:
    """What the wallet will be.

    Attributes:
        wallet_id, tier, chain: As in the blueprint.
        opener: Key that pays for opening accounts.
        opener_path: Where its holder derives it.
    """

    wallet_id: str
    tier: str
    chain: str
    opener: PublicKey
    opener_path: str


@dataclass(frozen=True, slots=True)
class FrostCeremony:
    """What came out of it, all public: the wallet, and the transcript as canonical JSON."""

    spec: WalletSpec
    transcript: bytes


def hold_frost_ceremony(places: FrostPlaces, folders: Mapping[str, Path], passphrase: Secret) -> FrostCeremony:
    """Make a key, seal one share in each signer's folder, test them, and register the wallet there.

    Args:
        places: What the wallet will be.
        folders: Signer name -> its folder, made by `create_home`; their order numbers the participants.
        passphrase: Of all these folders.

    Raises:
        Conflict: A signer has a share or a registration of this wallet already.
        VerificationFailed: A share read back is not on the polynomial, or the test signature does not verify.
    """
    numbered = dict(enumerate(folders.items(), start=1))
    made, publications = _generate(frost_dkg.Committee(THRESHOLD, len(folders)))
    key, commitments = made[1].group, made[1].commitments

    def seal(number: int) -> Secret:
        folder = numbered[number][1]
        store_share(folder, passphrase, places.wallet_id, made[number].share)
        return _read_back(folder, passphrase, places.wallet_id)

    with ThreadPoolExecutor(max_workers=2) as pool:  # stretching a passphrase releases the interpreter lock
        shares = dict(zip(numbered, pool.map(seal, numbered), strict=True))
    for number, share in shares.items():
        frost_shares.verify_dealt(number, share, commitments)
    verifying = {number: frost.verifying_share(share) for number, share in shares.items()}
    spec = _spec(places, key, {name: verifying[number] for number, (name, _) in numbered.items()})
    registration = frost_wallet(spec).registration()
    for number, (_, folder) in numbered.items():
        register_wallet(folder, registration, {"member": share_path(spec.id, number)}, [SigningRole.MEMBER])
    text = f"{TRANSCRIPT_FORMAT} {spec.id} {key.raw.hex()}".encode()
    transcript: dict[str, Json] = {
        "format": TRANSCRIPT_FORMAT,
        "wallet": spec.id,
        "chain": spec.chain,
        "threshold": spec.threshold,
        "group": key.raw.hex(),
        "commitments": [each.hex() for each in commitments],
        "publications": [
            {"commitments": [each.hex() for each in publications[n].commitments], "proof": publications[n].proof.hex()}
            for n in sorted(publications)
        ],
        "members": [{"signer": member.signer, "key": member.key} for member in spec.members],
        "test_signature": _test_sign(text, key, shares).hex(),
    }
    return FrostCeremony(spec, canonical_json(transcript))


def _generate(
    committee: frost_dkg.Committee,
) -> tuple[dict[int, frost_dkg.KeyShare], dict[int, frost_dkg.Publication]]:
    """Run all participants of a distributed key generation; they must agree on the commitments."""
    begun = {number: frost_dkg.begin(number, committee, os.urandom) for number in committee.numbers}
    publications = {number: each.publication for number, each in begun.items()}
    sent = {number: each.shares_for(publications) for number, each in begun.items()}
    made = {
        number: frost_dkg.finish(each, publications, {other: sent[other][number] for other in sent if other != number})
        for number, each in begun.items()
    }
    invariant(len({each.commitments for each in made.values()}) == 1, "all participants made one key")
    return made, publications


def share_path(wallet_id: str, number: int) -> str:
    """Label of a participant's share: no seed derives it, but a signer tells the shares of its wallets apart by it."""
    wallet = int.from_bytes(hashlib.sha256(wallet_id.encode()).digest()[:4], "big") % HARDENED
    return f"m/9591h/501h/{wallet}h/{number}h"


def _spec(places: FrostPlaces, key: PublicKey, verifying: Mapping[str, PublicKey]) -> WalletSpec:
    members = tuple(
        MemberSpec(name, share_path(places.wallet_id, number), share.raw.hex())
        for number, (name, share) in enumerate(verifying.items(), start=1)
    )
    service = {
        "mechanism": FROST,
        "group": key.raw.hex(),
        "opener": places.opener.raw.hex(),
        "opener_path": places.opener_path,
    }
    return WalletSpec(places.wallet_id, places.tier, places.chain, THRESHOLD, members, service)


def _read_back(folder: Path, passphrase: Secret, wallet_id: str) -> Secret:
    home = SignerHome(folder)
    return home.load_share(wallet_id, home.load_seed(passphrase))


def _test_sign(text: bytes, key: PublicKey, shares: Mapping[int, Secret]) -> bytes:
    """Let the last members sign a text that is no transaction; every other member's share was checked alone."""
    chosen = sorted(shares)[-THRESHOLD:]
    nonces = {
        number: frost.draw_nonces(shares[number], os.urandom(frost.RANDOM_BYTES), os.urandom(frost.RANDOM_BYTES))
        for number in chosen
    }
    commitments = tuple(frost.Commitment(number, nonces[number].commitment) for number in chosen)
    package = frost.Package(key, text, commitments)
    made = {number: frost.sign_share(package, number, shares[number], nonces[number]) for number in chosen}
    signature = frost.aggregate(package, made, {number: frost.verifying_share(shares[number]) for number in chosen})
    ed25519.verify(key, text, signature)
    return signature
