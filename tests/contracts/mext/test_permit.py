import ape
import pytest
from eth_account.messages import encode_typed_data

MILLION = 10**24
TYPES = {
    "Permit": [
        {"name": "owner", "type": "address"},
        {"name": "spender", "type": "address"},
        {"name": "value", "type": "uint256"},
        {"name": "nonce", "type": "uint256"},
        {"name": "deadline", "type": "uint256"},
    ]
}


@pytest.fixture
def permit(mext, people, chain, clock):
    """A permit of the holder for bob: arguments of `permit`."""

    def make(signer=None, value=MILLION, lifetime_s=3_600, **domain):
        deadline = clock.next + lifetime_s
        message = encode_typed_data(
            domain_data={
                "name": "MEXT",
                "version": "1",
                "chainId": chain.chain_id,
                "verifyingContract": str(mext.address),
                **domain,
            },
            message_types=TYPES,
            message_data={
                "owner": str(people.holder.address),
                "spender": str(people.bob.address),
                "value": value,
                "nonce": mext.nonces(people.holder),
                "deadline": deadline,
            },
        )
        signed = (signer or people.holder).sign_message(message)
        # Leading zero bytes are left out there, and a shorter bytes32 would be filled up at its end.
        r, s = (bytes(part).rjust(32, b"\0") for part in (signed.r, signed.s))
        return (people.holder, people.bob, value, deadline, signed.v, r, s)

    return make


@pytest.mark.parametrize(
    "domain",
    [{"chainId": 1}, {"verifyingContract": "0x" + "22" * 20}, {"name": "OTHER"}, {"version": "2"}],
    ids=lambda domain: next(iter(domain)),
)
def test_g37_refuses_a_permit_of_another_domain(mext, people, permit, domain):
    with ape.reverts(mext.ERC2612InvalidSigner):
        mext.permit(*permit(**domain), sender=people.relayer)


def test_refuses_a_permit_signed_by_another(mext, people, permit):
    with ape.reverts(mext.ERC2612InvalidSigner):
        mext.permit(*permit(signer=people.mallory), sender=people.relayer)


def test_refuses_an_expired_permit(mext, people, permit, clock):
    given = permit(lifetime_s=100)
    clock.next_block_at(given[3] + 1)
    with ape.reverts(mext.ERC2612ExpiredSignature):
        mext.permit(*given, sender=people.relayer)


def test_refuses_a_permit_used_before(mext, people, permit):
    given = permit()
    mext.permit(*given, sender=people.relayer)
    with ape.reverts(mext.ERC2612InvalidSigner):
        mext.permit(*given, sender=people.relayer)


def test_g37_a_front_run_permit_leaves_the_allowance_the_flow_needs(mext, people, permit):
    given = permit()
    mext.permit(*given, sender=people.mallory)
    mext.transferFrom(people.holder, people.bob, MILLION, sender=people.bob)
    assert mext.balanceOf(people.bob) == MILLION
