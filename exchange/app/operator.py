"""The exchange's own key on the contract chain: finalizes votes, confirms listings, publishes statements.

Rules:
    * It calls ListingVote and ReserveRegistry and nothing else, always with value 0.
    * Every call is safe to repeat: the state is read first, and the contract refuses what was done before.
"""

from __future__ import annotations

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3

from custody.keys.passphrase import read_passphrase
from exchange.app.home import Home
from exchange.app.keyholders import OPERATOR_PATH, open_root
from governance.contracts.deployment import Deployment
from governance.contracts.listing_vote import ListingVote
from governance.contracts.registry import Entry, PublishedEntry, latest, publish
from governance.contracts.sending import Sender
from governance.listing.state import Listing, ListingState


def open_operator_account(home: Home) -> LocalAccount:
    """Unseal the operator's key.

    Raises:
        NotFound, Refused, VerificationFailed: No keystore, open to others, or a wrong passphrase.
    """
    root = open_root(home.keystore("operator"), read_passphrase(home.passphrase))
    account: LocalAccount = Account.from_key(root.derive(OPERATOR_PATH).key.reveal())
    return account


class Operator:
    """Sends the operator's calls."""

    def __init__(self, account: LocalAccount, web3: Web3, deployment: Deployment) -> None:
        self._sender = Sender(web3, account)
        self._deployment = deployment
        self.votes = ListingVote(web3, deployment)

    @property
    def address(self) -> str:
        """The operator's account, EIP-55."""
        return self._sender.address

    def finalize(self, listing: Listing, now_s: int) -> bool:
        """Finalize a vote whose veto period is over; True if a transaction was sent."""
        if listing.state(now_s) is not ListingState.AWAITING_VETO or now_s < listing.finalizable_at_s:
            return False
        self.votes.finalize(self._sender, listing.id)
        return True

    def confirm(self, listing_id: int) -> None:
        """State on chain that the market is open."""
        self.votes.confirm_listed(self._sender, listing_id)

    def last_statement(self) -> PublishedEntry | None:
        """The newest published statement; None before the first."""
        return latest(self._sender.web3, self._deployment)

    def publish_statement(self, entry: Entry) -> str:
        """Publish a statement's digest; the same entry again changes nothing.

        Returns:
            Where it stands, for people: chain, registry and number.

        Raises:
            CallReverted, StatementConflict: A gap, an overwrite, or a cut-off that does not rise.
            OutcomeUnknown: Sent, and not known what became of it; publishing the same again settles it.
        """
        publish(self._sender, self._deployment, entry)
        registry = self._deployment.address("ReserveRegistry")
        return f"eip155:{self._deployment.chain_id} {registry} #{entry.seq}"
