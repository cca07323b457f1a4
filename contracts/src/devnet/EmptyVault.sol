// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IStakeSource} from "../interfaces/IStakeSource.sol";

/// @title A vault in which nobody can stake, for local chains
/// @notice Takes the vault's place where MEXT is deployed without staking. It holds nothing, has no
/// way in and no way out, and refuses to exist on Ethereum mainnet, because a MEXT that names it can
/// never have staking.
contract EmptyVault is IStakeSource {
    uint256 private constant ETHEREUM_MAINNET = 1;

    /// @notice Deployed on Ethereum mainnet.
    error LocalChainsOnly();

    constructor() {
        if (block.chainid == ETHEREUM_MAINNET) revert LocalChainsOnly();
    }

    /// @inheritdoc IStakeSource
    function principalOf(address) external pure returns (uint256) {
        return 0;
    }
}
