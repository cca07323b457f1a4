"""A whole installation whose hot SOL a group signs for, on the two chains that it cannot do without.

Ethereum carries the contracts; the wallets of other chains get keys, but are not opened.
"""

from dataclasses import replace

from simulators.installation import LiveInstallation

from custody.devnet.network import KINDS, LocalChains
from exchange.app.blueprint import load_blueprint, save_blueprint
from exchange.app.ceremony import OPENER, SENDER, SIGNERS, STAFF, draw_passphrase, hold_ceremony
from exchange.app.groundwork import OpenerKeys, lay_groundwork
from exchange.app.keyholders import OPENER_PATH, open_ed25519
from exchange.app.provision import provision_contracts
from exchange.app.wallets import FROST
from exchange.cli.loop.staff import Staff

CHAINS = ("ethereum-local", "solana-local")
TOKEN = "token of the tests"


class FrostInstallation(LiveInstallation):
    def provision(self):
        world, home = self.world, self.home
        kinds = [kind for kind in KINDS if kind.chain in CHAINS]
        self.chains = world.chains = world._stack.enter_context(LocalChains.start(home.folder / "chains", kinds))
        passphrase = draw_passphrase(home)
        home.token.write_text(TOKEN)
        home.token.chmod(0o600)
        drawn = hold_ceremony(home, passphrase, FROST)
        self.ceremony = replace(drawn, wallets=tuple(w for w in drawn.wallets if w.chain in CHAINS))
        opener = open_ed25519(home.keystore(OPENER), passphrase, OPENER_PATH)
        lay_groundwork(self.chains, self.ceremony.wallets, OpenerKeys(opener, {}))
        provision_contracts(home, self.chains, self.ceremony)
        self._leave_out_other_chains()
        self.chains.run_clock()
        (home.folder / "run").mkdir(mode=0o700)
        for name in (*SIGNERS, SENDER):
            self.start_signer(name)
        self.token = home.token.read_text().strip()
        world.start_service()
        self.staff = Staff(home, STAFF[:2])

    def _leave_out_other_chains(self):
        made = load_blueprint(self.home.blueprint)
        assets = tuple(asset for asset in made.assets if asset.chain in CHAINS)
        symbols = {asset.symbol for asset in assets}
        markets = tuple(market for market in made.markets if {market.base, market.quote} <= symbols)
        save_blueprint(self.home.blueprint, replace(made, assets=assets, markets=markets))

    def require_sol_books_balance(self):
        self.wait("SOL books equal the chain", lambda: True if self._balanced("SOL") else None)
