# A slow second implementation of the reserve format: nested lists, recursion, no shortcuts. It shares no code with
# custody.reserves and imports nothing of it; constants fixed before either existed are in test_reserves_twin.py.
import hashlib
import hmac
import json
import unicodedata


def h(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def be(number, width):
    return bytes((number >> 8 * place) & 255 for place in reversed(range(width)))


def lp(text):
    raw = text.encode("utf-8")
    return be(len(raw), 2) + raw


def jcs(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def ctx_of(header):
    return h(b"PORv1/header\0", jcs(header))


def ctx_a_of(ctx, ix, asset_id, decimals, height):
    return h(b"PORv1/asset\0", ctx, be(ix, 4), lp(asset_id), be(decimals, 1), be(height, 1))


def subject_of(exchange, account_id):
    return h(b"PORv1/subject\0", lp(exchange), lp(unicodedata.normalize("NFC", account_id)))


def user_key(master, subject):
    return mac(master, b"PORv1/audit-key\0", subject)


def leaf_of(ctx_a, index, subject, salt, amount):
    return h(b"\x00", ctx_a, be(index, 4), subject, salt, be(amount, 16))


def salt_of(key, ctx_a, shard):
    return mac(key, b"PORv1/salt\0", ctx_a, be(shard, 4))


def order_key(master, ctx_a):
    return mac(master, b"PORv1/order\0", ctx_a)


def rank(k_order, subject, shard):
    return mac(k_order, subject, be(shard, 4))


def pad(k_order, number):
    salt = mac(k_order, b"pad", be(number, 4))
    return mac(k_order, b"padpos", be(number, 4)), h(b"PORv1/pad\0", salt), salt


def top(leaves):
    # (hash, sum, levels) of a list of (hash, sum).
    if len(leaves) == 1:
        return (*leaves[0], 0)
    half = len(leaves) // 2
    left_hash, left_sum, level = top(leaves[:half])
    right_hash, right_sum, _ = top(leaves[half:])
    parent = h(b"\x01", be(level, 1), left_hash, be(left_sum, 16), right_hash, be(right_sum, 16))
    return parent, left_sum + right_sum, level + 1


def path(leaves, index):
    # Siblings from leaf to root.
    if len(leaves) == 1:
        return []
    half = len(leaves) // 2
    if index < half:
        return [*path(leaves[:half], index), top(leaves[half:])[:2]]
    return [*path(leaves[half:], index - half), top(leaves[:half])[:2]]


def leaves_of(master, ctx_a, height, rows):
    # rows: (subject, shard, amount). Returns the leaves in order, and {(subject, shard): index}.
    k_order = order_key(master, ctx_a)
    entries = [(rank(k_order, s, n), s, salt_of(user_key(master, s), ctx_a, n), amount, n) for s, n, amount in rows]
    for number in range(2**height - len(rows)):
        at, subject, salt = pad(k_order, number)
        entries.append((at, subject, salt, 0, None))
    entries.sort()
    leaves, places = [], {}
    for index, (_, subject, salt, amount, shard) in enumerate(entries):
        leaves.append((leaf_of(ctx_a, index, subject, salt, amount), amount))
        if shard is not None:
            places[subject, shard] = index
    return leaves, places


def height_of(rows, floor):
    height = floor
    while 2**height < rows:
        height += 1
    return height


def tree(master, ctx, asset, rows, floor):
    # asset: (ix, id, decimals). Returns (leaves, places, height).
    height = height_of(len(rows), floor)
    leaves, places = leaves_of(master, ctx_a_of(ctx, *asset, height), height, rows)
    return leaves, places, height


def statement_of(master, header, rows_by_asset, floor):
    # Returns the statement and, per asset, (leaves, places).
    liabilities, trees = [], []
    for ix, asset in enumerate(header["assets"]):
        spec = (ix, asset["id"], asset["decimals"])
        leaves, places, height = tree(master, ctx_of(header), spec, rows_by_asset[ix], floor)
        root, total, _ = top(leaves)
        liabilities.append({"height": height, "id": asset["id"], "ix": ix, "root": root.hex(), "total": str(total)})
        trees.append((leaves, places))
    statement = {
        "ctx": ctx_of(header).hex(),
        "format": "por-statement/1",
        "header": header,
        "liabilities": liabilities,
    }
    return statement, trees


def digest_of(statement):
    return h(b"PORv1/statement\0", jcs(statement)).hex()


def proof_of(master, statement, trees, account_id, rows_by_asset):
    subject = subject_of(statement["header"]["exchange"], account_id)
    claims = []
    for ix, (leaves, places) in enumerate(trees):
        shards = []
        for row_subject, shard, amount in rows_by_asset[ix]:
            if row_subject == subject:
                index = places[subject, shard]
                siblings = [[node.hex(), str(total)] for node, total in path(leaves, index)]
                shards.append({"shard": shard, "index": index, "amount": str(amount), "path": siblings})
        if shards:
            claims.append({"asset": statement["header"]["assets"][ix]["id"], "ix": ix, "shards": shards})
    return {
        "format": "por-proof/1",
        "statement": statement,
        "audit_key": user_key(master, subject).hex(),
        "claims": claims,
    }


def log_root(entries):
    if not entries:
        return h()
    if len(entries) == 1:
        return h(b"\x00", entries[0])
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return h(b"\x01", log_root(entries[:split]), log_root(entries[split:]))


def drawn(seed, count):
    # Deterministic bytes for generated cases: SHA-256 of a seed and a counter.
    blocks = (h(seed.encode(), be(number, 8)) for number in range(-(-count // 32)))
    return b"".join(blocks)[:count]


def generated_case(number):
    # One path of 1 to 8 levels, drawn from its number: (ctx_a, index, subject, salt, amount, siblings).
    raw = drawn(f"reserves case {number}", 32 * 12 + 16 * 9 + 5)
    height, body = raw[0] % 8 + 1, raw[5:]
    index = int.from_bytes(raw[1:5], "big") % 2**height
    hashes = [body[32 * at : 32 * at + 32] for at in range(12)]
    sums = [int.from_bytes(body[384 + 15 * at : 399 + 15 * at], "big") for at in range(9)]
    siblings = list(zip(hashes[3 : 3 + height], sums[1 : 1 + height], strict=True))
    return hashes[0], index, hashes[1], hashes[2], sums[0], siblings


def generated_root(case):
    ctx_a, index, subject, salt, amount, siblings = case
    node, total = leaf_of(ctx_a, index, subject, salt, amount), amount
    for level, (sibling, sibling_sum) in enumerate(siblings):
        first, second = (node, total), (sibling, sibling_sum)
        if index // 2**level % 2:
            first, second = second, first
        node = h(b"\x01", be(level, 1), first[0], be(first[1], 16), second[0], be(second[1], 16))
        total += sibling_sum
    return node, total


def chained(count):
    # One digest over the roots and totals of so many generated cases.
    digest = b"\x00" * 32
    for number in range(count):
        node, total = generated_root(generated_case(number))
        digest = h(digest, node, be(total, 16))
    return digest.hex()
