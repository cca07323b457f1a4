// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {Votes} from "@openzeppelin/contracts/governance/utils/Votes.sol";
import {ERC6372Utils} from "@openzeppelin/contracts/utils/ERC6372Utils.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {Time} from "@openzeppelin/contracts/utils/types/Time.sol";
import {IStakeSource} from "./interfaces/IStakeSource.sol";

/// @title MEXT, the voting token of the exchange
/// @notice One billion tokens, minted once. No owner, no pause, no blacklist, no fee on transfer.
///
/// - The supply never rises: the constructor is the only place that mints.
/// - Staking moves no votes: the voting units of an account are its balance plus its principal in
///   the one vault that this token knows, and the vault itself has none.
/// - Only the vault puts tokens into the vault. A gift would carry its votes nowhere and leave them
///   counted with the giver's delegate.
///
/// Amounts are base units (18 decimals), times are seconds of `block.timestamp`.
contract MEXT is ERC20, ERC20Burnable, ERC20Permit, ERC20Votes {
    /// @notice Tokens minted at deployment, in base units.
    uint256 public constant INITIAL_SUPPLY = 1_000_000_000e18;

    /// @notice The staking vault. May be deployed after the token, at an address computed before.
    IStakeSource public immutable vault;

    /// @notice A constructor argument is the zero address.
    error ZeroAddress();

    /// @notice Only the vault moves tokens into the vault.
    error DepositOnlyThroughVault(address caller);

    /// @notice The vault may not burn: the staked votes would outlive the tokens.
    error VaultCannotBurn();

    /// @param holder Receives the whole supply.
    /// @param vault_ The staking vault; it cannot be changed later.
    constructor(address holder, IStakeSource vault_) ERC20("MEXT", "MEXT") ERC20Permit("MEXT") {
        if (holder == address(0) || address(vault_) == address(0)) revert ZeroAddress();
        vault = vault_;
        _mint(holder, INITIAL_SUPPLY);
    }

    /// @notice Tokens burned since deployment, in base units.
    function totalBurned() external view returns (uint256) {
        return INITIAL_SUPPLY - totalSupply();
    }

    /// @notice Time that checkpoints are made at: seconds of `block.timestamp` (ERC-6372).
    function clock() public view override returns (uint48) {
        return Time.timestamp();
    }

    /// @notice Says that `clock` counts seconds (ERC-6372).
    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public view override returns (string memory) {
        return ERC6372Utils.timestampClockMode(clock);
    }

    /// @notice Next unused number for signatures of `owner`, shared by permits and delegations.
    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Votes) {
        if (to == address(vault) && _msgSender() != address(vault)) {
            revert DepositOnlyThroughVault(_msgSender());
        }
        if (from == address(vault) && to == address(0)) revert VaultCannotBurn();
        super._update(from, to, value);
    }

    /// @dev Into or out of the vault the units stay where they are: principal replaces balance.
    function _transferVotingUnits(address from, address to, uint256 amount) internal override(Votes) {
        if (from == address(vault) || to == address(vault)) return;
        super._transferVotingUnits(from, to, amount);
    }

    function _getVotingUnits(address account) internal view override returns (uint256) {
        if (account == address(vault)) return 0;
        return balanceOf(account) + vault.principalOf(account);
    }
}
