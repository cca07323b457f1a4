// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EmptyVault} from "../../contracts/src/devnet/EmptyVault.sol";
import {Test} from "./Vm.sol";

contract EmptyVaultTest is Test {
    function test_refuses_to_exist_on_mainnet() public {
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(EmptyVault.LocalChainsOnly.selector));
        new EmptyVault();
    }

    function testFuzz_nobody_has_principal_in_it(address account) public {
        equal(new EmptyVault().principalOf(account), 0, "principal");
    }
}
