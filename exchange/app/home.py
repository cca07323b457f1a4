"""What lies where below the home folder of an installation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_HOME = Path(".mext")


@dataclass(frozen=True, slots=True)
class Home:
    """Paths of one installation.

    Attributes:
        folder: Everything is below it.
    """

    folder: Path

    @property
    def blueprint(self) -> Path:
        """Public description of chains, wallets, assets and markets."""
        return self.folder / "blueprint.json"

    @property
    def policy(self) -> Path:
        """The withdrawal policy."""
        return self.folder / "policy.yaml"

    @property
    def deployment(self) -> Path:
        """Addresses of the contracts."""
        return self.folder / "deployment.json"

    @property
    def gates(self) -> Path:
        """How old the evidence of the gates may be, and what is asked of proof and fund."""
        return self.folder / "gates.json"

    @property
    def receipt_key(self) -> Path:
        """Public key of the receipts, hex: whoever checks them needs nothing else."""
        return self.folder / "receipts.pub"

    @property
    def audit_heads(self) -> Path:
        """Heads of the audit logs and of the receipts, kept outside of both."""
        return self.folder / "audit-heads.jsonl"

    @property
    def token(self) -> Path:
        """Bearer token of the HTTP interface, mode 0600."""
        return self.folder / "api-token"

    @property
    def passphrase(self) -> Path:
        """Passphrase file of the keystores below this folder, mode 0600."""
        return self.folder / "passphrase"

    @property
    def sanctions(self) -> Path:
        """Sanctions lists, one file a source; mode 0700."""
        return self.folder / "sanctions"

    @property
    def journal(self) -> Path:
        """The truth about who is owed what."""
        return self.folder / "journal"

    @property
    def reserves(self) -> Path:
        """Published statements and the private trees behind them."""
        return self.folder / "reserves"

    def database(self, name: str) -> str:
        """URL of one of the SQLite databases: "custody", "projection", "governance"."""
        return f"sqlite:///{self.folder / f'{name}.sqlite'}"

    def signer(self, name: str) -> Path:
        """Home of a signer process."""
        return self.folder / "signers" / name

    def socket(self, name: str) -> Path:
        """Socket of a signer process."""
        return self.folder / "run" / f"{name}.sock"

    @property
    def lease(self) -> Path:
        """What the monitor renews, for signers that sign only while it lives."""
        return self.folder / "run" / "monitor.lease"

    def keystore(self, name: str) -> Path:
        """Sealed mnemonic of a key holder that is no signer process: staff, operator, cold."""
        return self.folder / "keys" / f"{name}.json"

    def transcript(self, wallet_id: str) -> Path:
        """What a key ceremony of several made public: anybody can check it."""
        return self.folder / "ceremony" / f"{wallet_id}.json"
