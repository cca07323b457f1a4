// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Tokens that an account has put into the staking vault
/// @notice The only thing that the token asks of its vault.
interface IStakeSource {
    /// @notice Tokens which `account` has staked and may withdraw, now or after its lock.
    /// @param account The staker.
    /// @return Principal in base units of MEXT (18 decimals), rewards not included.
    function principalOf(address account) external view returns (uint256);
}
