// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A worthless token for local chains
/// @notice Stands for a listed asset or a stablecoin in demos and tests. Never deploy it where money is.
contract DevToken is ERC20 {
    /// @param name_ Name of the token.
    /// @param symbol_ Ticker of the token.
    /// @param supply Tokens minted to the deployer, in base units (18 decimals).
    constructor(string memory name_, string memory symbol_, uint256 supply) ERC20(name_, symbol_) {
        _mint(msg.sender, supply);
    }
}
