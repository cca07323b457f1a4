# Writes tests/vectors/reserves.json from the slow twin: `python tests/reference/reserves_vectors.py`.
# Expected codes are written by hand beside each forgery; nothing here runs the verifier it is meant to judge.
import copy
import json
from pathlib import Path

from reference import reserves_slow as slow

TARGET = Path(__file__).parents[1] / "vectors" / "reserves.json"
MASTER = bytes(range(32))
BTC = "bip122:000000000019d6689c085ae165831e93/slip44:0"
ETH = "eip155:1/slip44:60"
FLOOR = 3
GENERATED = 10_000
HEADER = {
    "assets": [{"decimals": 8, "id": BTC}, {"decimals": 18, "id": ETH}],
    "chains": [{"block": "00" * 32, "height": 934512, "id": "bip122:000000000019d6689c085ae165831e93"}],
    "cutoff": "2026-01-31T00:00:00Z",
    "exchange": "example.com",
    "format": "por-header/1",
    "ledger": {"head": "aa" * 32, "seq": "918273645"},
    "seq": 12,
}
OWED = {BTC: 100_000_003, ETH: 5 * 10**18 + 3}


def rows_of(header, balances):
    # balances: per asset, [(account id, [amount of each shard])].
    return [
        [
            (slow.subject_of(header["exchange"], account), shard, amount)
            for account, amounts in asset
            for shard, amount in enumerate(amounts)
        ]
        for asset in balances
    ]


BALANCES = [
    [(f"u{i}@x", [60_000_000, 40_000_003] if i == 3 else [10**8 + i]) for i in range(11)],
    [(f"u{i}@x", [5 * 10**18 + i]) for i in range(1, 11, 2)],
]


def world(header, balances, extra=None):
    rows = rows_of(header, balances)
    statement, trees = slow.statement_of(MASTER, header, rows, FLOOR)
    statement |= extra or {}

    def proof(account):
        return slow.proof_of(MASTER, statement, trees, account, rows)

    return statement, proof


STATEMENT, PROOF_OF = world(HEADER, BALANCES)
DIGEST = slow.digest_of(STATEMENT)
BASE = PROOF_OF("u3@x")


def single_values():
    ctx_a = slow.ctx_a_of(b"\x11" * 32, 0, "A", 8, 3)
    subject = slow.subject_of("example.com", "alice@example.com")
    key = slow.user_key(MASTER, subject)
    salt = slow.salt_of(key, ctx_a, 0)
    leaf = slow.leaf_of(ctx_a, 5, subject, salt, 12345)
    k_order = slow.order_key(MASTER, ctx_a)
    pad_rank, pad_subject, pad_salt = slow.pad(k_order, 0)
    first = slow.h(b"\x01\x00", leaf, slow.be(12345, 16), b"\x22" * 32, slow.be(55, 16))
    case = (ctx_a, 5, subject, salt, 12345, [(b"\x22" * 32, 55), (b"\x33" * 32, 100), (b"\x44" * 32, 0)])
    root, total = slow.generated_root(case)
    named = {
        "ctx_a": ctx_a,
        "subject": subject,
        "audit_key": key,
        "salt": salt,
        "leaf": leaf,
        "order_key": k_order,
        "sort_key": slow.rank(k_order, subject, 0),
        "pad_salt": pad_salt,
        "pad_subject": pad_subject,
        "pad_sort_key": pad_rank,
        "node": first,
        "path_root": root,
        "nfc_subject": slow.subject_of("example.com", "e\u0301va"),
    }
    return {name: value.hex() for name, value in named.items()} | {"path_total": str(total)}


def changed(change, base=BASE):
    document = copy.deepcopy(base)
    change(document)
    return document


def shard(document, claim=0, number=0):
    return document["claims"][claim]["shards"][number]


def put(*place):
    # put("claims", 0, "ix", value): a change that sets one value.
    *way, last, value = place

    def change(document):
        for step in way:
            document = document[step]
        document[last] = value

    return change


def drop(*place):
    *way, last = place

    def change(document):
        for step in way:
            document = document[step]
        del document[last]

    return change


S0 = ("claims", 0, "shards", 0)


def rebuilt_context(change):
    # A forger who keeps the file consistent: he changes the statement and writes the matching context.
    def whole(document):
        change(document["statement"])
        document["statement"]["ctx"] = slow.ctx_of(document["statement"]["header"]).hex()

    return whole


def show_twice(document):
    document["claims"][0]["shards"].append(document["claims"][0]["shards"][0])


def move_claim(document):
    document["claims"][0] |= {"asset": ETH, "ix": 1}
    del document["claims"][1]


def asset_twice(statement):
    statement["header"]["assets"][1]["id"] = statement["liabilities"][1]["id"] = BTC


def lower_sibling(document):
    path = shard(document)["path"]
    path[0][1] = str(max(0, int(path[0][1]) - 1) or int(path[0][1]) + 1)


def forged():
    # (name, document, want): against the base account, figures and digest.
    return [
        ("r01 leaf of another user", PROOF_OF("u5@x"), "root_mismatch"),
        ("r02 amount in the file lowered", changed(put(*S0, "amount", "59999999")), "reserves_total"),
        ("r02 amount in the file raised", changed(put(*S0, "amount", "60000001")), "reserves_total"),
        ("r03 asset left out", changed(drop("claims", 1)), "reserves_understated"),
        ("r03 shard left out", changed(drop("claims", 0, "shards", 1)), "reserves_understated"),
        ("r03 no shards", changed(put("claims", 1, "shards", [])), "reserves_understated"),
        ("r04 shard shown twice", changed(show_twice), "reserves_leaf_reused"),
        ("r05 negative sibling", changed(put(*S0, "path", 0, 1, "-5")), "reserves_amount"),
        ("r06 sum 2**128 - 1", changed(put(*S0, "path", 0, 1, str(2**128 - 1))), "reserves_amount"),
        ("r06 sum 2**120", changed(put(*S0, "path", 0, 1, str(2**120))), "reserves_amount"),
        ("r06 sum 2**120 - 1", changed(put(*S0, "path", 0, 1, str(2**120 - 1))), "reserves_total"),
        ("r07 sibling sum changed", changed(lower_sibling), "reserves_total"),
        ("r08 short path", changed(drop(*S0, "path", 0)), "reserves_path_length"),
        ("r08 empty path", changed(put(*S0, "path", [])), "reserves_path_length"),
        ("r09 long path", changed(lambda d: shard(d)["path"].append(["00" * 32, "0"])), "reserves_path_length"),
        ("r10 left and right swapped", changed(put(*S0, "index", shard(BASE)["index"] ^ 1)), "root_mismatch"),
        ("r10 sides swapped on top", changed(put(*S0, "index", shard(BASE)["index"] ^ 8)), "root_mismatch"),
        ("r11 index is the tree's size", changed(put(*S0, "index", 16)), "reserves_leaf_index"),
        ("r11 index 2**32", changed(put(*S0, "index", 2**32)), "reserves_leaf_index"),
        ("r12 index true", changed(put(*S0, "index", True)), "reserves_leaf_index"),
        ("r12 index as text", changed(put(*S0, "index", "3")), "reserves_leaf_index"),
        ("r12 index missing value", changed(put(*S0, "index", None)), "reserves_leaf_index"),
        ("r12 index is an object", changed(put(*S0, "index", {})), "reserves_leaf_index"),
        ("r12 shard false", changed(put(*S0, "shard", False)), "reserves_leaf_index"),
        ("r12 shard 2**32", changed(put(*S0, "shard", 2**32)), "reserves_leaf_index"),
        ("r12 another shard number", changed(put(*S0, "shard", 1)), "root_mismatch"),
        ("r13 amount with exponent", changed(put(*S0, "amount", "6e7")), "reserves_amount"),
        ("r13 amount with point", changed(put(*S0, "amount", "60000000.0")), "reserves_amount"),
        ("r13 amount with plus", changed(put(*S0, "amount", "+60000000")), "reserves_amount"),
        ("r13 amount with blank", changed(put(*S0, "amount", "60000000 ")), "reserves_amount"),
        ("r13 amount with newline", changed(put(*S0, "amount", "60000000\n")), "reserves_amount"),
        ("r13 amount in Arabic digits", changed(put(*S0, "amount", "\u0666")), "reserves_amount"),
        ("r13 amount empty", changed(put(*S0, "amount", "")), "reserves_amount"),
        ("r14 leading zero", changed(put(*S0, "amount", "060000000")), "reserves_amount"),
        ("r15 amount as number", changed(put(*S0, "amount", 60000000)), "reserves_amount"),
        ("r18 upper-case hex", changed(upper), "reserves_hash"),
        ("r18 hex with prefix", changed(put(*S0, "path", 0, 0, "0x" + "00" * 31)), "reserves_hash"),
        ("r20 root swapped", changed(put("statement", "liabilities", 0, "root", "00" * 32)), "reserves_digest"),
        ("r20 total lowered", changed(put("statement", "liabilities", 0, "total", "1")), "reserves_digest"),
        ("r22 claim moved to another asset", changed(move_claim), "reserves_path_length"),
        ("r22 claim renamed", changed(put("claims", 0, "asset", ETH)), "reserves_asset_table"),
        ("r22 claim beyond the table", changed(put("claims", 0, "ix", 2)), "reserves_asset_table"),
        ("r22 claim position true", changed(put("claims", 1, "ix", True)), "reserves_asset_table"),
        ("r22 one asset claimed twice", changed(lambda d: d["claims"].append(d["claims"][1])), "reserves_asset_table"),
        ("r23 decimals changed", changed(put("statement", "header", "assets", 0, "decimals", 7)), "reserves_digest"),
        ("r25 unknown proof version", changed(put("format", "por-proof/2")), "reserves_format"),
        ("r25 no proof version", changed(drop("format")), "reserves_format"),
        ("r25 unknown statement version", changed(put("statement", "format", "por-statement/2")), "reserves_format"),
        ("r25 unknown header version", changed(put("statement", "header", "format", "x")), "reserves_format"),
        ("r25 header is a list", changed(put("statement", "header", [])), "reserves_format"),
        ("r32 truncated hash", changed(put(*S0, "path", 0, 0, "00" * 31)), "reserves_hash"),
        ("r32 hash is a number", changed(put(*S0, "path", 0, 0, 5)), "reserves_hash"),
        ("r32 truncated key", changed(put("audit_key", "00" * 8)), "reserves_hash"),
        ("key of another user", changed(put("audit_key", PROOF_OF("u5@x")["audit_key"])), "root_mismatch"),
        ("statement is text", changed(put("statement", "x")), "reserves_unusable"),
        ("statement missing", changed(drop("statement")), "reserves_unusable"),
        ("claims missing", changed(drop("claims")), "reserves_unusable"),
        ("claims are an object", changed(put("claims", {})), "reserves_unusable"),
        ("claim is a list", changed(put("claims", 0, [])), "reserves_unusable"),
        ("no claims", changed(put("claims", [])), "reserves_understated"),
        ("shards are text", changed(put("claims", 0, "shards", "x")), "reserves_unusable"),
        ("path is text", changed(put(*S0, "path", "x")), "reserves_unusable"),
        ("sibling of one part", changed(put(*S0, "path", 0, ["00" * 32])), "reserves_unusable"),
        ("sibling of three parts", changed(put(*S0, "path", 0, ["00" * 32, "0", "0"])), "reserves_unusable"),
        ("unknown field", changed(put("comment", "x")), "reserves_unusable"),
        ("unknown field of a shard", changed(put(*S0, "note", 1)), "reserves_unusable"),
        ("prototype as a field", changed(put("__proto__", {})), "reserves_unusable"),
        ("exchange missing", changed(drop("statement", "header", "exchange")), "reserves_unusable"),
        ("seq true", changed(put("statement", "header", "seq", True)), "reserves_unusable"),
        ("key of the statement is not ASCII", changed(put("statement", "\u00e9", 1)), "reserves_unusable"),
    ]


def upper(document):
    place = shard(document)["path"][1]
    place[0] = place[0].upper()


def unanchored():
    # Without a trusted digest the file must at least agree with itself; (name, change of the statement, want).
    return [
        (
            "r23 decimals changed, context kept",
            put("statement", "header", "assets", 0, "decimals", 7),
            "reserves_context",
        ),
        ("context upper-case", lambda d: d["statement"].update(ctx=d["statement"]["ctx"].upper()), "reserves_context"),
        ("context missing", drop("statement", "ctx"), "reserves_context"),
        ("r23 decimals and context", rebuilt_context(put("header", "assets", 0, "decimals", 7)), "root_mismatch"),
        ("r24 asset twice", rebuilt_context(asset_twice), "reserves_asset_table"),
        ("table shorter than the header", rebuilt_context(drop("liabilities", 1)), "reserves_asset_table"),
        ("table missing", drop("statement", "liabilities"), "reserves_asset_table"),
        ("row is a list", put("statement", "liabilities", 0, []), "reserves_asset_table"),
        ("row position wrong", put("statement", "liabilities", 0, "ix", 1), "reserves_asset_table"),
        ("row position false", put("statement", "liabilities", 0, "ix", False), "reserves_asset_table"),
        ("row id wrong", put("statement", "liabilities", 0, "id", "x"), "reserves_asset_table"),
        ("height 33", put("statement", "liabilities", 0, "height", 33), "reserves_asset_table"),
        ("height 0", put("statement", "liabilities", 0, "height", 0), "reserves_asset_table"),
        ("height as text", put("statement", "liabilities", 0, "height", "4"), "reserves_asset_table"),
        ("height lowered", put("statement", "liabilities", 0, "height", 3), "reserves_path_length"),
        ("decimals 256", rebuilt_context(put("header", "assets", 0, "decimals", 256)), "reserves_asset_table"),
        (
            "assets empty",
            rebuilt_context(lambda s: (s["header"].update(assets=[]), s.update(liabilities=[]))),
            "reserves_asset_table",
        ),
        ("total 2**120", put("statement", "liabilities", 0, "total", str(2**120)), "reserves_amount"),
        ("total lowered", put("statement", "liabilities", 0, "total", "1100000054"), "reserves_total"),
        ("root not hex", put("statement", "liabilities", 0, "root", "zz" * 32), "reserves_hash"),
        ("root swapped", put("statement", "liabilities", 0, "root", "00" * 32), "root_mismatch"),
        ("ratio malformed", put("statement", "ratio_ppm", {BTC: "-1"}), "reserves_amount"),
        ("ratio is a list", put("statement", "ratio_ppm", []), "reserves_asset_table"),
        ("nothing changed", lambda d: None, "not_anchored"),
    ]


def spelled():
    # Bytes that a lenient reader would take: (name, text, want).
    text = compact(BASE)
    return [
        ("r12 index as float", text.replace('"index":3', '"index":3.0', 1), "reserves_unusable"),
        ("r16 float anywhere", text.replace('"seq":12', '"seq":1.2e1', 1), "reserves_unusable"),
        ("r16 NaN", text.replace('"seq":12', '"seq":NaN', 1), "reserves_unusable"),
        ("r16 Infinity", text.replace('"seq":12', '"seq":-Infinity', 1), "reserves_unusable"),
        ("r16 minus zero", text.replace('"ix":0', '"ix":-0', 1), "reserves_unusable"),
        ("r16 number 2**53", text.replace('"seq":12', '"seq":9007199254740992', 1), "reserves_unusable"),
        ("r16 leading zero", text.replace('"seq":12', '"seq":012', 1), "reserves_unusable"),
        ("r17 duplicate key", text.replace('{"format"', '{"format":"por-proof/1","format"', 1), "reserves_unusable"),
        (
            "r17 duplicate key, escaped",
            text.replace('{"format"', '{"f\\u006frmat":"x","format"', 1),
            "reserves_unusable",
        ),
        ("r58 nested 17 deep", "[" * 17 + "]" * 17, "reserves_too_large"),
        ("r58 nested 17 deep and broken", "[" * 17 + "}", "reserves_too_large"),
        (
            "brackets in a text are no nesting",
            text.replace('{"format"', '{"%s":1,"format"' % ("[" * 40), 1),
            "reserves_unusable",
        ),
        ("lone surrogate", text.replace('"seq":12', '"seq":12,"x":"\\ud800"', 1), "reserves_unusable"),
        ("control character in a text", text.replace("example.com", "example\u0001com", 1), "reserves_unusable"),
        ("byte-order mark", "\ufeff" + text, "reserves_unusable"),
        ("text after the end", text + "x", "reserves_unusable"),
        ("trailing comma", text[:-1] + ",}", "reserves_unusable"),
        ("single quotes", text.replace('"', "'"), "reserves_unusable"),
        ("comment", text + "//", "reserves_unusable"),
        ("cut short", text[:-1], "reserves_unusable"),
        ("empty", "", "reserves_unusable"),
        ("a list on top", f"[{text}]", "reserves_unusable"),
        ("blanks between values", json.dumps(BASE, indent=2), "verified"),
        ("escapes in texts", text.replace("example.com", "\\u0065xample.com", 1), "verified"),
    ]


def asked():
    # The honest file, asked differently: (name, overrides, want).
    look_alike = "u3@\u0445"  # the Cyrillic letter
    return [
        ("honest", {}, "verified"),
        ("asks for one asset", {"expected": {ETH: str(OWED[ETH])}}, "verified"),
        ("asks for less", {"expected": {BTC: "1"}}, "verified"),
        ("asks zero of an unknown asset", {"expected": {"x": "0", BTC: "1"}}, "verified"),
        ("digest with prefix and capitals", {"trusted": "0x" + DIGEST.upper()}, "verified"),
        ("r02 understated by one", {"expected": {BTC: str(OWED[BTC] + 1)}}, "reserves_understated"),
        ("r03 asset that is not in the file", {"expected": {"eip155:1/erc20:0x00": "1"}}, "reserves_understated"),
        ("r19 digest of another statement", {"trusted": "00" * 32}, "reserves_digest"),
        ("r26 look-alike account", {"account": look_alike}, "root_mismatch"),
        ("account in capitals", {"account": "U3@x"}, "root_mismatch"),
        ("account empty", {"account": ""}, "invalid_input"),
        ("nothing asked", {"expected": {}}, "reserves_nothing_to_check"),
        ("negative figure", {"expected": {BTC: "-1"}}, "invalid_amount"),
        ("figure of 2**120", {"expected": {BTC: str(2**120)}}, "invalid_amount"),
        ("digest cut short", {"trusted": DIGEST[:-2]}, "reserves_trusted_digest"),
        ("digest is no hex", {"trusted": "zz" * 32}, "reserves_trusted_digest"),
    ]


def other_worlds():
    earlier, earlier_proof = world(HEADER | {"seq": 11}, BALANCES)
    _, smaller_proof = world(HEADER, [BALANCES[0][3:5], BALANCES[1][1:2]])
    short, short_proof = world(HEADER, BALANCES, {"ratio_ppm": {BTC: "999999", ETH: "2000000"}})
    none, none_proof = world(HEADER, BALANCES, {"ratio_ppm": {BTC: "0"}})
    full, full_proof = world(HEADER, BALANCES, {"ratio_ppm": {BTC: "1000000"}})
    accents, accents_proof = world(HEADER, [[("\u00e9va@x", [7]), ("u3@x", [1])], []])
    seven = {BTC: "7"}
    nfd = {"account": "e\u0301va@x", "expected": seven, "trusted": slow.digest_of(accents)}
    return [
        case("r19 older statement, newer digest", earlier_proof("u3@x"), "reserves_digest"),
        case("r19 older statement, its own digest", earlier_proof("u3@x"), "verified", trusted=slow.digest_of(earlier)),
        case("r21 whole file of a smaller tree", smaller_proof("u3@x"), "reserves_digest"),
        case("r26 decomposed account is the same person", accents_proof("\u00e9va@x"), "verified", **nfd),
        case(
            "r26 account without its accent", accents_proof("\u00e9va@x"), "root_mismatch", **nfd | {"account": "eva@x"}
        ),
        case("ratio below one", short_proof("u3@x"), "ratio_below_one", trusted=slow.digest_of(short)),
        case("ratio zero", none_proof("u3@x"), "ratio_below_one", trusted=slow.digest_of(none)),
        case("ratio one", full_proof("u3@x"), "verified", trusted=slow.digest_of(full)),
    ]


def compact(document):
    return json.dumps(document, separators=(",", ":"))


def case(name, proof, want, **overrides):
    text = proof if isinstance(proof, str) else compact(proof)
    standard = {"account": "u3@x", "expected": {key: str(units) for key, units in OWED.items()}, "trusted": DIGEST}
    return {"name": name, "proof": text, **standard, **overrides, "want": want}


def all_cases():
    return [
        *(case(name, BASE, want, **overrides) for name, overrides, want in asked()),
        *(case(name, document, want) for name, document, want in forged()),
        *(case(name, changed(change), want, trusted=None) for name, change, want in unanchored()),
        *(case(name, text, want) for name, text, want in spelled()),
        *other_worlds(),
    ]


def vectors():
    entries = [b'{"s":0}', b'{"s":1}', b'{"s":2}']
    return {
        "source": "this project; written by tests/reference/reserves_slow.py, which shares no code with the package",
        "licence": "Apache-2.0",
        "rule": "docs/proof-of-reserves.md; want is a verdict (verified, ratio_below_one, not_anchored) or an error code",
        "k_master": MASTER.hex(),
        "single": single_values(),
        "statement": {
            "header": HEADER,
            "height_floor": FLOOR,
            "document": STATEMENT,
            "digest": DIGEST,
            "log_leaf": slow.h(b"\x00", slow.jcs(STATEMENT)).hex(),
        },
        "log": {"root_2": slow.log_root(entries[:2]).hex(), "root_3": slow.log_root(entries).hex()},
        "generated": {"count": GENERATED, "chained": slow.chained(GENERATED)},
        "cases": all_cases(),
    }


def text_of_vectors():
    return json.dumps(vectors(), indent=1) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text_of_vectors())
