"""Make a local installation: keys, wallets, contracts, policy. Local chains only.

Example:
    with LocalChains.start(folder) as chains:
        provision(Home(Path(".mext")), chains)
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from importlib import resources

from eth_account import Account

from custody.chains.evm.address import address_of
from custody.chains.evm.params import ETHEREUM_LOCAL
from custody.chains.registry import chain_row
from custody.devnet.network import LocalChains
from custody.keys import slip10
from custody.keys.hd import PrivateNode
from custody.keys.material import Curve, PublicKey
from custody.keys.passphrase import read_passphrase
from custody.keys.private_files import write_new_private
from custody.primitives.chain import ChainId
from custody.primitives.secret import Secret
from exchange.app.blueprint import AssetSpec, Blueprint, ChainSpec, MarketSpec, save_blueprint
from exchange.app.ceremony import OPENER, OPERATOR, SENDER, Ceremony, Choices, draw_passphrase, hold_ceremony
from exchange.app.groundwork import OpenerKeys, Opening, lay_groundwork, openings
from exchange.app.home import Home
from exchange.app.keyholders import OPENER_PATH, OPERATOR_PATH, open_root, open_seed
from exchange.app.local_chains import rows_of
from exchange.app.local_tokens import LocalToken
from exchange.app.sealing import publish_receipt_key
from exchange.app.solana_groundwork import SOLANA_DEPOSITS
from exchange.app.wallet_kits import OPENER_PATHS
from exchange.app.wallets import WRAPPED
from governance.contracts.deployment import Deployment, Holders, deploy, save_deployment
from governance.contracts.roles import verify_roles
from governance.contracts.sending import Sender, connect

LABEL = (
    "Local chains: Bitcoin, Litecoin and the EVM chains are real nodes, Solana is its VM behind a simulated RPC, "
    "Dogecoin, Tron and the XRP Ledger are simulators. No real value."
)
EXCHANGE = "local.example"
OPERATOR_FLOAT_WEI = DEPLOYER_FLOAT_WEI = 10**18
CANDIDATE = "DEMO"
CANDIDATE_SUPPLY = 10**24
CANDIDATE_NUMBER = 3
"""Of the asset in the ledger; the coins have the others."""
MARKETS = (
    MarketSpec("BTC/ETH", 0, "BTC", "ETH", tick="0.0001", lot="0.0001", lowest="15"),
    MarketSpec("SOL/ETH", 1, "SOL", "ETH", tick="0.000001", lot="0.01", lowest="0.01"),
    MarketSpec(f"{CANDIDATE}/ETH", 2, CANDIDATE, "ETH", tick="0.000001", lot="1", lowest="0.00002", by_vote=True),
)
"""A market opens where both its assets are; the candidate's waits for its vote."""
VOTER, COUNCIL, AUDITOR, SCREENERS = 1, 2, 3, (4, 5)
"""Places of the world's people among the node's own accounts: token holders and officers outside the exchange."""


def provision_wallets(
    home: Home,
    chains: LocalChains,
    sol: str = WRAPPED,
    tokens: Sequence[LocalToken] = (),
    warm: Collection[str] = frozenset(),
) -> Ceremony:
    """Draw keys, make hot 2-of-3 and cold 3-of-5 wallets on every chain that runs, and put them there.

    Args:
        home: Empty folder of the installation.
        chains: Running local chains.
        sol: How the hot wallet holds SOL: "wrapped" or "frost".
        tokens: What the wallets hold beside coins; their contracts and mints stand already.
        warm: Chains that get a warm wallet besides, 2-of-3 over signer processes of its own.

    Raises:
        Conflict: The home folder holds an installation already.
    """
    passphrase = draw_passphrase(home)
    write_new_private(home.token, secrets.token_urlsafe(32).encode() + b"\n")
    ceremony = hold_ceremony(home, passphrase, rows_of(chains.names), Choices(sol, tokens, warm))
    publish_receipt_key(home)
    lay_groundwork(chains, ceremony.wallets, _opener_keys(home, passphrase, ceremony))
    return ceremony


def _opener_keys(home: Home, passphrase: Secret, ceremony: Ceremony) -> OpenerKeys:
    seed = open_seed(home.keystore(OPENER), passphrase)
    root = PrivateNode.from_seed(seed)
    paths = {spec.id: OPENER_PATHS.get(chain_row(ChainId(spec.chain)).family, {}) for spec in ceremony.wallets}
    return OpenerKeys(
        slip10.derive(seed, OPENER_PATH, Curve.ED25519),
        {spec.id: root.derive(paths[spec.id][spec.tier]).key for spec in ceremony.wallets if paths[spec.id]},
    )


def provision_contracts(home: Home, chains: LocalChains, ceremony: Ceremony) -> Deployment:
    """Deploy the contracts, then write blueprint and policy: the installation can start afterwards."""
    web3 = connect(chains.ethereum.url, ETHEREUM_LOCAL.chain_id)
    operator = _operator_address(home)
    deployer = Sender(web3, Account.create())  # pays for the deployment, and is forgotten
    for account, float_wei in ((operator, OPERATOR_FLOAT_WEI), (deployer.address, DEPLOYER_FLOAT_WEI)):
        chains.ethereum.fund(account, float_wei)
    people = [str(account) for account in web3.eth.accounts]
    holders = Holders(
        supply=people[VOTER],
        treasury=people[COUNCIL],
        admin=people[COUNCIL],
        guardian=people[COUNCIL],
        operator=operator,
        screeners=tuple(people[place] for place in SCREENERS),
        publisher=operator,
        auditor=people[AUDITOR],
    )
    token = ("Candidate for listing", CANDIDATE, CANDIDATE_SUPPLY)
    deployment = deploy(deployer, holders, {CANDIDATE: token})
    verify_roles(web3, deployment, holders, deployer.address)
    save_deployment(home.deployment, deployment)
    policy = resources.files("exchange.app").joinpath("policy.yaml").read_text()
    home.policy.write_text(policy + "".join(token.rule() for token in ceremony.tokens))
    save_blueprint(home.blueprint, _blueprint(chains, ceremony, deployment.address(CANDIDATE)))
    return deployment


def _operator_address(home: Home) -> str:
    key = open_root(home.keystore(OPERATOR), read_passphrase(home.passphrase)).derive(OPERATOR_PATH).public().key
    return address_of(PublicKey(Curve.SECP256K1, key))


def _blueprint(chains: LocalChains, ceremony: Ceremony, candidate: str) -> Blueprint:
    opened = openings(chains, ceremony.wallets)
    assets = (
        *(AssetSpec(r.symbol, r.decimals, r.chain, None, r.number, r.exponent) for r in rows_of(chains.names)),
        AssetSpec(CANDIDATE, 18, ETHEREUM_LOCAL.chain.id, candidate, CANDIDATE_NUMBER, 10),
        *(token.row() for token in ceremony.tokens),
    )
    known = {asset.symbol for asset in assets}
    return Blueprint(
        label=LABEL,
        exchange=EXCHANGE,
        signers=ceremony.signers,
        sender=SENDER,
        solana_deposits=SOLANA_DEPOSITS,
        staff=ceremony.staff,
        chains=tuple(
            ChainSpec(
                *(e.chain, e.evidence, e.url, e.cookie),
                opening_units=str(opened.get(e.chain, Opening()).units),
                born_height=opened.get(e.chain, Opening()).born_height,
            )
            for e in chains.endpoints()
        ),
        wallets=ceremony.wallets,
        assets=assets,
        markets=tuple(market for market in MARKETS if {market.base, market.quote} <= known),
    )
