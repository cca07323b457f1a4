"""What the policy commands read of an installation: its policy, people, assets and past decisions. Nothing is written.

Example:
    desk = PolicyDesk(Home(Path(".mext")))
    desk.faults(policy)
"""

from __future__ import annotations

from collections.abc import Iterator

from custody.keys.quorum import Roster
from custody.primitives.asset import Asset, AssetBook
from custody.primitives.chain import ChainId
from custody.primitives.errors import NotFound
from custody.primitives.ids import WithdrawalId
from custody.store.database import open_reading
from custody.store.withdrawals import SqlWithdrawalStore
from custody.withdrawals.policy_assets import asset_faults
from custody.withdrawals.policy_fault import Fault
from custody.withdrawals.policy_file import load_policy
from custody.withdrawals.policy_people import capture_faults, vacancy_faults
from custody.withdrawals.rules import Policy
from custody.withdrawals.simulating import PastDecision, past_of
from custody.withdrawals.states import WithdrawalState
from exchange.app.blueprint import load_blueprint
from exchange.app.home import Home
from exchange.app.house_facts import roster_of
from exchange.app.sealing import open_seals


class PolicyDesk:
    """One installation, for reading."""

    def __init__(self, home: Home) -> None:
        """Read its description.

        Raises:
            NotFound: Nothing is provisioned there.
            InvalidBlueprint: Its description is damaged.
        """
        self._home = home
        self._blueprint = load_blueprint(home.blueprint)

    @property
    def assets(self) -> dict[str, Asset]:
        """Assets by symbol."""
        return {
            spec.symbol: Asset(spec.symbol, spec.decimals, ChainId(spec.chain), spec.contract)
            for spec in self._blueprint.assets
        }

    def roster(self) -> Roster:
        """Who may approve.

        Raises:
            Refused: Nobody.
        """
        return roster_of(self._blueprint.staff)

    def policy(self) -> Policy:
        """The policy of the installation.

        Raises:
            InvalidPolicy: Not readable, or it has faults.
        """
        return load_policy(self._home.policy)

    def faults(self, policy: Policy) -> Iterator[Fault]:
        """Name the faults that show beside the people and assets of the house."""
        roster = self.roster()
        yield from capture_faults(policy, roster)
        yield from vacancy_faults(policy, roster)
        yield from asset_faults(policy, self.assets)

    def past(self) -> tuple[PastDecision, ...]:
        """Every request that was decided, oldest first.

        Raises:
            NotFound: Nothing ran there yet.
        """
        return past_of(self._store().withdrawals(frozenset(WithdrawalState)))

    def past_one(self, withdrawal_id: WithdrawalId) -> PastDecision:
        """One request as it was decided.

        Raises:
            NotFound: There is none of this id, or it is not decided yet.
        """
        found = past_of([self._store().withdrawal(withdrawal_id)])
        if not found:
            raise NotFound(f"withdrawal {withdrawal_id} is not decided yet", withdrawal=withdrawal_id)
        return found[0]

    def _store(self) -> SqlWithdrawalStore:
        database = open_reading(self._home.folder / "custody.sqlite")
        return SqlWithdrawalStore(database, AssetBook(self.assets.values()), open_seals(self._home))
