"""mext treasury cold-...: the online side of a payment from a cold wallet; the other side is `mext cold`.

Rules:
    * One refill request, one plan, one file. The plan stays here; the request file goes to the cold rooms.
    * Every step shows the digest of what it read or wrote, as the cold rooms do.

Example:
    mext treasury cold-plan refill-BTC-warm-1 --out plan.json
    mext treasury cold-approve plan.json --as ann --out ann.json
    mext treasury cold-request plan.json ann.json bob.json --as cid --out request.json
    mext treasury cold-submit plan.json request.json result.json
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.approval_files import read_approval, write_approval
from exchange.cli.serving import DEFAULT_HOME, HomeOption

PlanArgument = Annotated[Path, typer.Argument(help="File that cold-plan wrote.")]
OfficerOption = Annotated[str, typer.Option("--as", help="Approver id; the keystore must be below this home.")]
OutOption = Annotated[Path, typer.Option("--out", help="File to write; one that exists is not overwritten.")]


def cold_plan(
    refill: Annotated[str, typer.Argument(help="Id of an open refill request from cold.")],
    target: OutOption,
    keyholder: Annotated[list[str] | None, typer.Option(help="Who will sign; Solana fixes them. Repeat it.")] = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Plan the payment of a refill request. From the cold wallet to the tier above, on the chain's node."""
    from custody.cold.files import write_out
    from custody.primitives.clock import SystemClock
    from custody.primitives.intent import intent_hash
    from exchange.app.cold_refills import ask_for, open_refill
    from exchange.app.cold_requests import plan_payment
    from exchange.app.home import Home

    asked = open_refill(Home(home), refill)
    plan = plan_payment(asked.desk, ask_for(Home(home), asked, SystemClock().now_s()), keyholder or ())
    write_out(target, plan.raw)
    print(f"pays         {plan.intent.amount} from {plan.request.wallet_id} to {plan.intent.to.text}")
    print(f"intent       {intent_hash(plan.intent).hex()}\nwrote        {target}")


def cold_approve(
    plan: PlanArgument, officer: OfficerOption, target: OutOption, home: HomeOption = DEFAULT_HOME
) -> None:
    """Show a plan's payment and approve it. Refused where it names an asset otherwise than this home does."""
    from custody.cold.files import read_file
    from custody.primitives.clock import SystemClock
    from custody.primitives.intent import intent_hash
    from exchange.app.cold_labels import known_assets, payment_lines
    from exchange.app.cold_requests import decode_cold_plan
    from exchange.app.home import Home
    from exchange.app.officers import approve_as

    made = decode_cold_plan(read_file(plan))
    print("\n".join(payment_lines(made, known_assets(Home(home)))))
    write_approval(target, approve_as(Home(home), intent_hash(made.intent), officer, SystemClock().now_s()))
    print(f"wrote        {target}")


def cold_request(
    plan: PlanArgument,
    approvals: Annotated[list[Path], typer.Argument(help="Files with signed approvals.")],
    officer: OfficerOption,
    target: OutOption,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Make the file for the cold rooms and sign it. Compare its digest with what the rooms show."""
    from custody.cold.files import groups, read_file, write_out
    from custody.primitives.clock import SystemClock
    from exchange.app.cold_refills import maker_of
    from exchange.app.cold_requests import decode_cold_plan, next_number, request_of
    from exchange.app.home import Home

    made = decode_cold_plan(read_file(plan))
    votes = [read_approval(path) for path in approvals]
    maker, number = maker_of(Home(home), officer), next_number(Home(home), made.request.wallet_id)
    request = request_of(made, votes, maker, number, SystemClock().now_s())
    write_out(target, request.raw)
    print(f"number       {number}\nrequest      {groups(request.digest)}\nwrote        {target}")


def cold_submit(
    plan: PlanArgument,
    request: Annotated[Path, typer.Argument(help="The request file that the rooms signed.")],
    result: Annotated[Path, typer.Argument(help="File that mext cold combine wrote.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Put the final bytes together and send them. They must have the id that the cold room computed."""
    from custody.cold.files import read_file
    from custody.cold.parts import decode_result
    from custody.cold.request import decode_request_file
    from exchange.app.cold_refills import desk_of, sender_of
    from exchange.app.cold_requests import decode_cold_plan, finish_payment, require_result_of, with_approvals
    from exchange.app.home import Home

    asked, answered = decode_request_file(read_file(request)), decode_result(read_file(result))
    require_result_of(asked, answered)
    made = with_approvals(decode_cold_plan(read_file(plan)), asked)
    desk = desk_of(Home(home), made.request.wallet_id)
    signed = finish_payment(desk, made, answered, sender_of(Home(home)))
    print(f"txid         {signed.txid}")
    desk.broadcaster.broadcast(signed)
    print("sent         the node took it")


def cold_wallets(target: OutOption, home: HomeOption = DEFAULT_HOME) -> None:
    """Write what cold rooms must be told of wallets and places. Each room takes it with mext cold register."""
    from custody.cold.files import file_digest, groups, write_out
    from exchange.app.blueprint import load_blueprint
    from exchange.app.cold_rooms import wallets_file_of
    from exchange.app.home import Home

    raw = wallets_file_of(load_blueprint(Home(home).blueprint).wallets).raw
    write_out(target, raw)
    print(f"wrote        {target}\nSHA-256      {groups(file_digest(raw))}")


def cold_rooms(home: HomeOption = DEFAULT_HOME) -> None:
    """Make the cold rooms of a local installation. And tell the sender of the cold wallets, for its next start."""
    from exchange.app.blueprint import load_blueprint
    from exchange.app.cold_rooms import let_sender_pay, open_local_rooms
    from exchange.app.home import Home

    blueprint = load_blueprint(Home(home).blueprint)
    for name, room in open_local_rooms(Home(home), blueprint.wallets, blueprint.staff).items():
        print(f"{name:<12} {room.folder}")
    let_sender_pay(Home(home), blueprint.wallets)
    print("start the sender's process again, so that it pays the fees of cold wallets")


def cold_drill(
    chain: Annotated[list[str] | None, typer.Option(help="Local chain; repeat it. One a family if not given.")] = None,
    home: Annotated[Path | None, typer.Option(help="Empty folder; by default a fresh one below .mext/runs.")] = None,
) -> None:
    """Pay from cold wallets on local chains by files only. Three of five keyholders, each with a room of their own."""
    from exchange.cli.cold_drill import ONE_A_FAMILY, ColdDrill
    from exchange.cli.demo import fresh_folder

    with ColdDrill(home or fresh_folder(), chain or ONE_A_FAMILY) as drill:
        for each in chain or ONE_A_FAMILY:
            print(f"=== {each}", flush=True)
            outcome = drill.withdraw(each)
            for who, shown in outcome.steps:
                print(f"--- {who}\n{shown.rstrip()}", flush=True)
