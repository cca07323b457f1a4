"""The folder of one signer: what lies where, and who holds it open.

Rules:
    * One process a home, by a lock; two signers over one memory could sign two things.
    * Everything in it is readable by its owner only; anything wider is refused at the start.

Example:
    home = SignerHome(Path("signers/alice"))
    with home.lock():
        rules, wallets = home.load_rules(), home.load_wallets()
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from custody.keys.keystore import read_keystore, unseal
from custody.keys.mnemonic import to_seed
from custody.keys.passphrase import read_passphrase, read_pin
from custody.keys.private_files import read_private, require_private_folder
from custody.keys.token import Token
from custody.primitives.encoding import digest
from custody.primitives.errors import Conflict, InvalidInput
from custody.primitives.secret import Secret
from custody.signers.key_holders import TokenHolder
from custody.signers.registration import MAX_REGISTRATION_BYTES, RegisteredWallet, parse_wallet
from custody.signers.rules import MAX_RULES_BYTES, Rules, parse_rules
from custody.signers.token_file import MAX_TOKEN_FILE_BYTES, TokenFile, parse_token_file

_WALLET_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
_EMPTY = Secret(b"")
SHARE_SEAL_TAG = "mext/frost-share-seal/1"


def share_passphrase(wallet_id: str, seed: Secret) -> Secret:
    """What seals the key share of a wallet: the signer's own seed, so that one passphrase opens everything."""
    return Secret(digest(SHARE_SEAL_TAG, wallet_id, seed.reveal()))


@dataclass(frozen=True, slots=True)
class SignerHome:
    """Paths and loaders of one home.

    Attributes:
        folder: The folder, mode 0700.
    """

    folder: Path

    @property
    def keystore(self) -> Path:
        """The sealed mnemonic."""
        return self.folder / "keystore.json"

    @property
    def token(self) -> Path:
        """Where the keys lie in a token, in place of the keystore."""
        return self.folder / "token.json"

    @property
    def rules(self) -> Path:
        """The rule file."""
        return self.folder / "rules.json"

    @property
    def memory(self) -> Path:
        """The SQLite file of releases and promises."""
        return self.folder / "memory.sqlite"

    def share(self, wallet_id: str) -> Path:
        """Our sealed share of a group's key; the registration of the wallet names its public half.

        Raises:
            InvalidInput: The id cannot be a file name.
        """
        return self.folder / "frost" / self.wallet(wallet_id).name

    def wallet(self, wallet_id: str) -> Path:
        """The registration of one wallet.

        Raises:
            InvalidInput: The id cannot be a file name.
        """
        if not _WALLET_ID.fullmatch(wallet_id):
            raise InvalidInput(f"wallet id {wallet_id[:70]!r}: letters, digits, '.', '_' and '-', at most 64")
        return self.folder / "wallets" / f"{wallet_id}.json"

    def load_words(self, passphrase: Secret, *, unsafe_scrypt_n_for_tests: int | None = None) -> Secret:
        """Unseal the mnemonic sentence."""
        raw = read_keystore(self.keystore)
        return unseal(raw, passphrase, unsafe_scrypt_n_for_tests=unsafe_scrypt_n_for_tests)

    def load_seed(self, passphrase: Secret, *, unsafe_scrypt_n_for_tests: int | None = None) -> Secret:
        """Unseal the mnemonic and stretch it to the 64-byte seed."""
        return to_seed(self.load_words(passphrase, unsafe_scrypt_n_for_tests=unsafe_scrypt_n_for_tests), _EMPTY)

    def load_token_file(self) -> TokenFile:
        """Read where the keys lie in a token."""
        return parse_token_file(read_private(self.token, MAX_TOKEN_FILE_BYTES))

    def load_keys(self, secret_file: Path) -> Secret | TokenHolder:
        """Open whatever holds the keys of this signer.

        Args:
            secret_file: Holds the passphrase of the keystore, or the PIN of the token; a file or /dev/fd/N.

        Returns:
            The 64-byte seed, or the holder of the token's keys.

        Raises:
            Conflict: The home has a keystore and a token.
            NotFound, Refused, VerificationFailed, Unavailable: Neither can be opened.
        """
        if not self.token.exists():
            return self.load_seed(read_passphrase(secret_file))
        if self.keystore.exists():
            raise Conflict(f"{self.folder} has a keystore and a token; one of them holds the keys")
        file = self.load_token_file()
        return TokenHolder(file, Token.open(file.place, read_pin(secret_file)))

    def load_share(self, wallet_id: str, seed: Secret) -> Secret:
        """Unseal our share of a group's key.

        Raises:
            NotFound, Refused, VerificationFailed: No such file, open to others, or sealed for another wallet or seed.
        """
        return unseal(read_keystore(self.share(wallet_id)), share_passphrase(wallet_id, seed))

    def load_rules(self) -> Rules:
        """Read the rule file."""
        return parse_rules(read_private(self.rules, MAX_RULES_BYTES))

    def load_wallets(self) -> tuple[RegisteredWallet, ...]:
        """Read all registrations, in order of their file names.

        Raises:
            InvalidInput: A file is named otherwise than its wallet.
        """
        wallets = []
        for path in sorted((self.folder / "wallets").glob("*.json")):
            wallet = parse_wallet(read_private(path, MAX_REGISTRATION_BYTES))
            if path.name != f"{wallet.id}.json":
                raise InvalidInput(f"{path} registers wallet {wallet.id!r}", path=str(path))
            wallets.append(wallet)
        return tuple(wallets)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the home alone.

        Raises:
            Conflict: Another process holds it.
        """
        require_private_folder(self.folder)
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise Conflict(f"{self.folder} is held by another signer process", folder=str(self.folder)) from error
        try:
            yield
        finally:
            os.close(descriptor)
