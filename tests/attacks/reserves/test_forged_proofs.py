# Attacks on a customer's proof file. Forgeries and codes stand in tests/vectors/reserves.json; each test names the
# attack and every code it must end in, in Python and in JavaScript.


def test_r01_leaf_of_another_user(refused):
    refused("r01", "root_mismatch")


def test_r02_understated_balance(refused):
    refused("r02", "reserves_total", "reserves_understated")


def test_r03_asset_or_shard_left_out(refused):
    refused("r03", "reserves_understated")


def test_r04_shard_shown_twice(refused):
    refused("r04", "reserves_leaf_reused")


def test_r05_negative_sibling(refused):
    refused("r05", "reserves_amount")


def test_r06_sum_that_would_wrap(refused):
    refused("r06", "reserves_amount", "reserves_total")


def test_r07_sibling_sum_changed(refused):
    refused("r07", "reserves_total")


def test_r08_node_posing_as_leaf(refused):
    refused("r08", "reserves_path_length")


def test_r09_long_path(refused):
    refused("r09", "reserves_path_length")


def test_r10_left_and_right_swapped(refused):
    refused("r10", "root_mismatch")


def test_r11_index_beyond_the_tree(refused):
    refused("r11", "reserves_leaf_index")


def test_r12_index_that_is_no_integer(refused):
    refused("r12", "reserves_leaf_index", "reserves_unusable", "root_mismatch")


def test_r13_amount_in_another_spelling(refused):
    refused("r13", "reserves_amount")


def test_r14_amount_with_leading_zero(refused):
    refused("r14", "reserves_amount")


def test_r15_amount_as_json_number(refused):
    refused("r15", "reserves_amount")


def test_r16_float_or_wild_number_anywhere(refused):
    refused("r16", "reserves_unusable")


def test_r17_duplicate_key(refused):
    refused("r17", "reserves_unusable")


def test_r18_hash_in_another_spelling(refused):
    refused("r18", "reserves_hash")


def test_r19_older_statement(refused):
    refused("r19", "reserves_digest")


def test_r20_root_or_total_swapped(refused):
    refused("r20", "reserves_digest")


def test_r21_whole_file_of_a_smaller_tree(refused):
    refused("r21", "reserves_digest")


def test_r22_claim_moved_to_another_asset(refused):
    refused("r22", "reserves_path_length", "reserves_asset_table")


def test_r23_decimals_changed(refused):
    refused("r23", "reserves_digest", "reserves_context", "root_mismatch")


def test_r24_asset_twice(refused):
    refused("r24", "reserves_asset_table")


def test_r25_unknown_version(refused):
    refused("r25", "reserves_format")


def test_r26_look_alike_account(refused):
    refused("r26", "root_mismatch")


def test_r32_truncated_hash(refused):
    refused("r32", "reserves_hash")


def test_r58_nesting(refused):
    refused("r58", "reserves_too_large")
