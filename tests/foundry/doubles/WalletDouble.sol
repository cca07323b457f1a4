// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice A contract wallet of one owner (ERC-1271) that can also misbehave. For tests.
contract WalletDouble is IERC1271 {
    enum Mood {
        Honest,
        Reverts,
        BurnsGas,
        ReturnsMuch,
        ReturnsLittle
    }

    address public immutable owner;
    Mood public mood;

    constructor(address owner_) {
        owner = owner_;
    }

    function setMood(Mood mood_) external {
        mood = mood_;
    }

    function delegateTo(IVotes token, address delegatee) external {
        token.delegate(delegatee);
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        if (mood == Mood.Reverts) revert("no");
        if (mood == Mood.BurnsGas) {
            while (true) {}
        }
        if (mood == Mood.ReturnsMuch) {
            assembly {
                mstore(0x00, shl(224, 0x1626ba7e))
                return(0x00, 30000)
            }
        }
        if (mood == Mood.ReturnsLittle) {
            assembly {
                mstore(0x00, shl(224, 0x1626ba7e))
                return(0x00, 4)
            }
        }
        (address signer, , ) = ECDSA.tryRecoverCalldata(digest, signature);
        return signer == owner ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}
