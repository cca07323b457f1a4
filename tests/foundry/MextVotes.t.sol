// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {MEXT} from "../../contracts/src/MEXT.sol";
import {StakeDouble} from "./doubles/StakeDouble.sol";
import {Test, Vm} from "./Vm.sol";

/// @notice Does whatever holders can do, in any order.
contract Crowd {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 public constant SIZE = 5;
    MEXT public immutable token;
    StakeDouble public immutable vault;
    uint256 public giftsTaken;

    constructor(MEXT token_, StakeDouble vault_) {
        token = token_;
        vault = vault_;
    }

    function member(uint256 i) public pure returns (address) {
        return address(uint160(0x1000 + (i % SIZE)));
    }

    function transfer(uint256 from, uint256 to, uint256 amount) external {
        address sender = member(from);
        uint256 part = amount % (token.balanceOf(sender) + 1);
        vm.prank(sender);
        token.transfer(member(to), part);
    }

    function delegate(uint256 from, uint256 to) external {
        vm.prank(member(from));
        token.delegate(to % 7 == 0 ? address(0) : member(to));
    }

    function stake(uint256 from, uint256 amount) external {
        address sender = member(from);
        uint256 part = amount % (token.balanceOf(sender) + 1);
        vm.startPrank(sender);
        token.approve(address(vault), part);
        vault.stake(part);
        vm.stopPrank();
    }

    function withdraw(uint256 from, uint256 amount) external {
        address sender = member(from);
        uint256 part = amount % (vault.principalOf(sender) + 1);
        vm.prank(sender);
        vault.withdraw(part);
    }

    function burn(uint256 from, uint256 amount) external {
        address sender = member(from);
        uint256 part = amount % (token.balanceOf(sender) + 1);
        vm.prank(sender);
        token.burn(part);
    }

    function gift(uint256 from, uint256 amount) external {
        address sender = member(from);
        uint256 part = amount % (token.balanceOf(sender) + 1);
        vm.prank(sender);
        try token.transfer(address(vault), part) {
            ++giftsTaken;
        } catch {}
    }

    function pass(uint256 seconds_) external {
        vm.warp(block.timestamp + 1 + (seconds_ % 1 days));
    }
}

/// @notice Invariants of votes, whatever a crowd does (G23).
contract MextVotesInvariants is Test {
    MEXT private _token;
    StakeDouble private _vault;
    Crowd private _crowd;
    uint256 private _lastSupply;

    function setUp() public {
        vm.warp(1_800_000_000);
        _vault = new StakeDouble();
        _token = new MEXT(address(this), _vault);
        _vault.setToken(IERC20(address(_token)));
        _crowd = new Crowd(_token, _vault);
        for (uint256 i = 0; i < _crowd.SIZE(); ++i) _token.transfer(_crowd.member(i), 2e26);
        _lastSupply = _token.totalSupply();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_crowd);
    }

    function invariant_votes_are_balance_and_principal_of_those_who_delegated() public view {
        uint256 votes;
        uint256 delegated;
        for (uint256 i = 0; i < _crowd.SIZE(); ++i) {
            address one = _crowd.member(i);
            votes += _token.getVotes(one);
            if (_token.delegates(one) != address(0)) delegated += _token.balanceOf(one) + _vault.principalOf(one);
        }
        equal(votes, delegated, "votes");
    }

    function invariant_the_vault_holds_exactly_the_principal() public view {
        uint256 principal;
        for (uint256 i = 0; i < _crowd.SIZE(); ++i) principal += _vault.principalOf(_crowd.member(i));
        equal(_token.balanceOf(address(_vault)), principal, "principal");
        equal(_token.getVotes(address(_vault)), 0, "votes of the vault");
        equal(_crowd.giftsTaken(), 0, "gifts");
    }

    function invariant_the_supply_never_rises() public {
        holds(_token.totalSupply() <= _lastSupply, "supply rose");
        _lastSupply = _token.totalSupply();
        equal(_token.totalSupply() + _token.totalBurned(), _token.INITIAL_SUPPLY(), "burned");
    }
}
