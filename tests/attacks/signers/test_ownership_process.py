# A real signer process answers ownership texts over its socket; what went wrong comes back as its class.
import contextlib
import socket
import threading
import time
from dataclasses import replace
from functools import partial

import pytest
from simulators.signer_ownership import (
    HEADER,
    NONCE,
    approve_ownership,
    evidence_of,
    own_rules,
    ownership_request,
    utxo,
)

from custody.chains.utxo.wallet import KeyOrigin
from custody.keys.hd import PrivateNode
from custody.keys.material import SigningRole
from custody.keys.mnemonic import to_seed
from custody.keys.paths import parse_path
from custody.keys.xkeys import KeyNetwork, encode_xpub
from custody.primitives.clock import SystemClock
from custody.primitives.errors import MalformedPayload, QuorumNotReached, SignerUnavailable
from custody.primitives.secret import Secret
from custody.reserves.evidence import verify_ownership
from custody.signers.client import RemoteSigner
from custody.signers.frames import Deadline, receive_frame, send_frame
from custody.signers.memory import Frozen
from custody.signers.ownership import NotOurAddress
from custody.signers.owning import own_with_seed
from custody.signers.provision import register_wallet, replace_rules

PATH = "m/48h/1h/0h/2h"


class LiveOwner:
    # The process holds one cosigner's key of a 2-of-3; the second one's lies in a cold room: the seed of `utxo()`.
    def __init__(self, signer):
        root = PrivateNode.from_seed(to_seed(signer.words, Secret(b"")))
        xpub = encode_xpub(root.derive(PATH).public(), KeyNetwork.TEST)
        base = utxo()
        cosigners = (KeyOrigin(root.public().fingerprint(), parse_path(PATH), xpub), *base.wallet.cosigners[1:])
        wallet = replace(base.wallet, id="owned", cosigners=cosigners)
        self.held = replace(base, wallet=wallet, address=wallet.address(1, 3).text)
        self.now_s = SystemClock().now_s()
        cutoff = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.now_s - 60))
        self.header = replace(HEADER, cutoff=cutoff)
        signer.stop()
        register_wallet(signer.home, wallet.registration(), {"member": PATH}, [SigningRole.MEMBER])
        replace_rules(signer.home, own_rules(name=signer.name, version=2))
        signer.start()
        self.client = signer.client

    def request(self, **changes):
        expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.now_s - 60 + 14 * 86_400))
        made = ownership_request(self.held, wallet_id="owned", ctx=self.header.ctx().hex(), expires=expires)
        return replace(made, **changes)

    def approved(self, request):
        return approve_ownership(request, at_s=self.now_s)


@pytest.fixture(scope="module")
def live(make_signer):
    return LiveOwner(make_signer("olga", 61))


def test_refusals_come_back_as_their_class(live):
    foreign = live.request(address="bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080")
    with pytest.raises(NotOurAddress):
        live.client.sign_ownership(foreign, live.approved(foreign))
    with pytest.raises(QuorumNotReached):
        live.client.sign_ownership(live.request(), ())


# A signer that answers with something else than hex is named, and nothing of it is passed on.
@pytest.mark.parametrize(
    "result",
    [{}, {"key": "zz", "signature": "00", "script": ""}, {"key": "", "signature": "00", "script": "", "more": 1}],
)
@pytest.mark.parametrize("in_rounds", [False, True])
def test_an_answer_that_is_no_signature_names_the_signer(tmp_path, result, in_rounds, live):
    path = tmp_path / "liar.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(1)
        thread = threading.Thread(target=_lie, args=(listener, result))
        thread.start()
        liar = RemoteSigner("liar", path, timeout_s=5)
        ask = (
            partial(liar.share_ownership, live.request(), b"")
            if in_rounds
            else partial(liar.sign_ownership, live.request())
        )
        with pytest.raises(SignerUnavailable, match="liar"):
            ask(())
        thread.join(5)


def _lie(listener, result):
    connection, _ = listener.accept()
    with connection, contextlib.suppress(OSError, MalformedPayload):
        receive_frame(connection, Deadline(5))
        send_frame(connection, {"ok": True, "result": result}, Deadline(5))


def test_a_process_and_a_cold_key_make_evidence_together(live):
    request = live.request()
    hot = live.client.sign_ownership(request, live.approved(request))
    assert live.client.sign_ownership(request, live.approved(request)) == hot
    cold = own_with_seed(live.held.registration, {"member": PATH}, Secret(bytes([2]) * 64), request, live.now_s)
    verify_ownership(evidence_of(live.held, [hot, cold]), live.header, NONCE, None, live.now_s)


def test_a_frozen_process_signs_no_texts(live):
    request = live.request()
    live.client.freeze("drill")
    with pytest.raises(Frozen):
        live.client.sign_ownership(request, live.approved(request))
