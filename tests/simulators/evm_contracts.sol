// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

// Contracts that behave badly on purpose, for tests only.

contract Ledger {
    mapping(address => uint256) public balanceOf;
    event Transfer(address indexed from, address indexed to, uint256 value);

    constructor() {
        balanceOf[msg.sender] = 1e24;
    }
}

// Answers false instead of reverting, and moves nothing.
contract FalseToken is Ledger {
    function transfer(address, uint256) external pure returns (bool) {
        return false;
    }
}

// Keeps one per cent of every transfer, but announces the whole amount.
contract FeeToken is Ledger {
    function transfer(address to, uint256 value) external returns (bool) {
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value - value / 100;
        emit Transfer(msg.sender, to, value);
        return true;
    }
}

// Announces transfers that never happened.
contract LiarToken is Ledger {
    function transfer(address to, uint256 value) external returns (bool) {
        emit Transfer(msg.sender, to, value);
        return true;
    }
}

// Passes coins on: honestly, or inside a frame that reverts, or in a transaction that reverts.
contract Forwarder {
    function pay(address payable to) external payable {
        (bool ok, ) = to.call{value: msg.value}("");
        require(ok);
    }

    function payAndRevert(address payable to) external payable {
        (bool ok, ) = to.call{value: msg.value}("");
        require(ok);
        revert("taken back");
    }

    function payInRevertedFrame(address payable to) external payable {
        try this.payAndRevert{value: msg.value}(to) {} catch {}
    }
}

// Refuses coins until it is opened.
contract Gate {
    bool public open;

    function setOpen(bool value) external {
        open = value;
    }

    receive() external payable {
        require(open, "shut");
    }
}

// Takes one payment a block and no second one.
contract Turnstile {
    uint256 private last;

    receive() external payable {
        require(last != block.number);
        last = block.number;
    }
}

// Takes a question for coins, and never the coins: no transaction is free of charge.
contract Flatterer {
    receive() external payable {
        require(tx.gasprice == 0);
    }
}

// Takes the coins, and with them all the gas there is.
contract Burner {
    uint256 private sum;

    receive() external payable {
        while (true) sum += 1;
    }
}

// Takes the coins if it is given more gas than a payment has.
contract Glutton {
    uint256[8] private kept;

    receive() external payable {
        for (uint256 i = 0; i < 8; i++) kept[i] = gasleft();
    }
}

// Refuses with as much as it can say.
contract Chatterbox {
    receive() external payable {
        assembly {
            revert(0, 30000)
        }
    }
}

// Ends with no word at all.
contract Invalid {
    receive() external payable {
        assembly {
            invalid()
        }
    }
}
