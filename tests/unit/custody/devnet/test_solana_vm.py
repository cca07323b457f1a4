# The simulator keeps to what the real network does, where our adapter relies on it.
import base64
import subprocess
import sys
from pathlib import Path

import pytest
from simulators.solana import FINAL, SOL, Key, send

from custody.chains.solana import instructions
from custody.chains.solana.node import SolanaNode
from custody.devnet.processes import NodeStartFailed
from custody.devnet.solana_journal import FILE_NAME
from custody.devnet.solana_vm import SolanaVm
from custody.nodes.jsonrpc import Call, NodeError

pytestmark = pytest.mark.node
ANN, BOB = Key("ann"), Key("bob")


@pytest.fixture(scope="module")
def vm(tmp_path_factory):
    with SolanaVm.start(tmp_path_factory.mktemp("vm"), slot_ms=0) as running:
        running.fund(ANN.text, 1_000 * SOL)
        running.mine(FINAL)
        yield running


def balance(vm, key, commitment):
    return vm.rpc.call("getBalance", key.text, {"commitment": commitment})["value"]


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("getStakeActivation", [], -32601),
        ("getBalance", ["nonsense"], -32602),
        ("getBalance", [], -32602),
        ("getSlot", [{"commitment": "sure"}], -32602),
        ("getMultipleAccounts", [["1" * 32] * 101], -32602),
        ("getBlock", [10**9, {"commitment": "confirmed"}], -32004),
        ("getTokenAccountBalance", [ANN.text], -32602),
        ("sendTransaction", ["AAAA", {"encoding": "base64"}], -32602),
        ("sendTransaction", ["????", {"encoding": "base64"}], -32602),
        ("sendTransaction", ["AAAA"], -32602),
        ("sendTransaction", [base64.b64encode(bytes(1233)).decode(), {"encoding": "base64"}], -32602),
        ("devnet_reorg", [32], -32602),
        ("devnet_reorg", [0], -32602),
        ("devnet_mine", [0], -32602),
    ],
)
def test_refuses_as_a_node_does(vm, method, params, code):
    with pytest.raises(NodeError) as error:
        vm.rpc.call(method, *params)
    assert error.value.rpc_code == code


def test_refuses_a_state_folder_that_does_not_read(tmp_path):
    (tmp_path / FILE_NAME).write_text('{"genesis_s":1}\n{"block":{}}\n')
    with pytest.raises(NodeStartFailed, match="KeyError"):
        SolanaVm.start(tmp_path, slot_ms=0)


def test_command_line_refuses_without_a_port():
    root = Path(__file__).resolve().parents[4]
    ended = subprocess.run(
        [sys.executable, "-m", "custody.devnet.solana_vm"], cwd=root, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "--port" in ended.stderr


def test_says_that_it_is_a_simulator(vm):
    assert vm.rpc.call("getVersion")["solana-core"] == "VM; RPC and finality: simulator"
    assert vm.rpc.call("getHealth") == "ok"


def test_commitment_levels_see_a_payment_one_after_the_other(vm):
    before = balance(vm, BOB, "finalized")
    send(vm, ANN, [instructions.transfer_lamports(ANN.text, BOB.text, SOL)])

    def seen():
        return [balance(vm, BOB, level) - before for level in ("processed", "confirmed", "finalized")]

    assert seen() == [SOL, 0, 0]
    vm.mine(1)
    assert seen() == [SOL, SOL, 0]
    vm.mine(30)
    assert seen() == [SOL, SOL, 0]
    vm.mine(1)
    assert seen() == [SOL, SOL, SOL]


def test_status_and_history_follow_the_levels(vm):
    txid = send(vm, ANN, [instructions.transfer_lamports(ANN.text, Key("carl").text, SOL)])
    levels = []
    for slots in (0, 1, 31):
        if slots:
            vm.mine(slots)
        row = vm.rpc.call("getSignatureStatuses", [txid], {"searchTransactionHistory": True})["value"][0]
        known = [
            r["signature"]
            for r in vm.rpc.call("getSignaturesForAddress", Key("carl").text, {"commitment": "finalized"})
        ]
        levels.append((row["confirmationStatus"], known))
    assert levels == [("processed", []), ("confirmed", []), ("finalized", [txid])]
    shown = vm.rpc.call("getTransaction", txid, {"encoding": "json", "commitment": "finalized"})
    assert (shown["meta"]["fee"], shown["transaction"]["signatures"]) == (5_000, [txid])


def test_plain_transfer_shows_no_token_balances_as_on_the_real_network(vm):
    txid = send(vm, ANN, [instructions.transfer_lamports(ANN.text, BOB.text, SOL)])
    vm.mine(1)
    meta = vm.rpc.call("getTransaction", txid, {"commitment": "confirmed"})["meta"]
    assert meta["preTokenBalances"] == meta["postTokenBalances"] == []


def test_preflight_says_why_and_changes_nothing(vm):
    before = balance(vm, ANN, "processed")
    with pytest.raises(NodeError) as error:
        send(vm, ANN, [instructions.transfer_lamports(ANN.text, BOB.text, 10**16)])
    assert error.value.rpc_code == -32002
    assert '"InstructionError": [0, {"Custom": 1}]' in error.value.data
    assert balance(vm, ANN, "processed") == before


def test_failed_transaction_without_preflight_costs_its_fee(vm):
    before = balance(vm, ANN, "processed")
    txid = send(vm, ANN, [instructions.transfer_lamports(ANN.text, BOB.text, 10**16)], preflight=False)
    vm.mine(1)
    assert balance(vm, ANN, "processed") == before - 5_000
    assert SolanaNode(vm.rpc).status(txid).failed


def test_reorg_puts_balances_history_and_hashes_back(vm):
    vm.mine(1)
    before, tip = balance(vm, BOB, "confirmed"), vm.rpc.call("getSlot", {"commitment": "confirmed"})
    txid = send(vm, ANN, [instructions.transfer_lamports(ANN.text, BOB.text, SOL)])
    vm.mine(2)
    hashes = [SolanaNode(vm.rpc).block(tip + n, "none")["blockhash"] for n in (0, 1, 2)]
    assert vm.reorg(2) == [txid]
    vm.mine(2)
    again = [SolanaNode(vm.rpc).block(tip + n, "none")["blockhash"] for n in (0, 1, 2)]
    assert again[0] == hashes[0]
    assert not set(again[1:]) & set(hashes[1:])
    assert balance(vm, BOB, "confirmed") == before
    assert SolanaNode(vm.rpc).status(txid) is None


def test_batches_are_answered_in_order(vm):
    answers = vm.rpc.batch([Call("getHealth"), Call("nonsense"), Call("getSlot", ({"commitment": "processed"},))])
    assert answers[0] == "ok"
    assert isinstance(answers[1], NodeError)
    assert isinstance(answers[2], int)


def test_blocks_come_by_themselves_and_stop_while_paused(tmp_path):
    with SolanaVm.start(tmp_path, slot_ms=5) as running:
        first = running.rpc.call("getSlot", {"commitment": "processed"})
        while running.rpc.call("getSlot", {"commitment": "processed"}) < first + 3:
            pass
        assert running.rpc.call("devnet_pause", True)
        stopped = running.rpc.call("getSlot", {"commitment": "processed"})
        assert [running.rpc.call("getSlot", {"commitment": "processed"}) for _ in range(30)] == [stopped] * 30
