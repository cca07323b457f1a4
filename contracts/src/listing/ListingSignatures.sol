// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IListingVote} from "./IListingVote.sol";

/// @title Signed ballots and attestations
/// @notice EIP-712 over this chain and this contract. The signer stands inside the signed text, so a
/// key that owns several contract wallets signs for one of them at a time.
abstract contract ListingSignatures is EIP712, IListingVote {
    bytes32 internal constant BALLOT_TYPEHASH =
        keccak256("ListingBallot(address voter,uint256 id,uint8 support)");
    bytes32 internal constant DILIGENCE_TYPEHASH = keccak256(
        "DueDiligence(bytes32 assetId,address proposer,bytes32 uriHash,uint256 attempt,uint256 deadline)"
    );

    /// @notice Gas that a contract wallet gets to check a signature: enough for a Safe of 20 owners,
    /// too little to starve a batch.
    uint256 public constant WALLET_CHECK_GAS = 200_000;

    constructor() EIP712("ListingVote", "1") {}

    /// @notice Digest that a voter signs for `castVotesBySig`.
    function ballotDigest(address voter, uint256 id, uint8 support) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(BALLOT_TYPEHASH, voter, id, support)));
    }

    /// @notice Digest that a screener signs for an expedited proposal.
    /// @param attempt Number of earlier proposals for the same token, so that none is attested twice.
    function diligenceDigest(
        bytes32 assetId,
        address proposer,
        string calldata uri,
        uint256 attempt,
        uint256 deadline
    ) public view returns (bytes32) {
        bytes32 uriHash = keccak256(bytes(uri));
        return _hashTypedDataV4(
            keccak256(abi.encode(DILIGENCE_TYPEHASH, assetId, proposer, uriHash, attempt, deadline))
        );
    }

    /// @dev Never reverts because of what a signer's contract does; only if the caller gave so little
    /// gas that a valid signature would look invalid.
    function _isSignedBy(address signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        (address recovered, ECDSA.RecoverError problem, ) = ECDSA.tryRecoverCalldata(digest, signature);
        if (problem == ECDSA.RecoverError.NoError && recovered == signer) return true;
        if (signer.code.length == 0) return false;
        return _isAcceptedByWallet(signer, digest, signature);
    }

    function _isAcceptedByWallet(
        address wallet,
        bytes32 digest,
        bytes calldata signature
    ) private view returns (bool accepted) {
        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        // A call passes on at most 63/64 of what is left (EIP-150).
        if ((gasleft() * 63) / 64 < WALLET_CHECK_GAS) revert GasTooLow();
        bytes4 wanted = IERC1271.isValidSignature.selector;
        uint256 gasLimit = WALLET_CHECK_GAS;
        // In assembly, so that a wallet which returns a megabyte does not make us copy it.
        assembly ("memory-safe") {
            mstore(0x00, 0)
            let ok := staticcall(gasLimit, wallet, add(question, 0x20), mload(question), 0x00, 0x20)
            accepted := and(and(ok, gt(returndatasize(), 0x1f)), eq(mload(0x00), wanted))
        }
    }
}
