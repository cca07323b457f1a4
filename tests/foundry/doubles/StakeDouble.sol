// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IStakeSource} from "../../../contracts/src/interfaces/IStakeSource.sol";

/// @notice The least vault that keeps its promise to MEXT: principal is written and tokens are moved
/// with no foreign call between, and they go back to the account whose principal falls. For tests.
contract StakeDouble is IStakeSource {
    IERC20 public token;
    mapping(address account => uint256) public principalOf;

    function setToken(IERC20 token_) external {
        token = token_;
    }

    function stake(uint256 amount) external {
        principalOf[msg.sender] += amount;
        token.transferFrom(msg.sender, address(this), amount);
    }

    function withdraw(uint256 amount) external {
        principalOf[msg.sender] -= amount;
        token.transfer(msg.sender, amount);
    }

    /// @notice What a faulty vault might try.
    function burn(uint256 amount) external {
        (bool done, bytes memory why) = address(token).call(abi.encodeWithSignature("burn(uint256)", amount));
        if (!done) {
            assembly ("memory-safe") {
                revert(add(why, 0x20), mload(why))
            }
        }
    }
}
