from custody.primitives.bell import Bell


def test_every_chain_is_counted_by_itself_and_once_a_ring():
    bell, heard = Bell(), []
    bell.listen(heard.append)
    bell.ring(["chain-b", "chain-a", "chain-a"])
    bell.ring(["chain-a"])
    bell.ring([])
    assert heard == ["chain-a", "chain-b", "chain-a"]
    assert [bell.rung(chain) for chain in ("chain-a", "chain-b", "chain-c")] == [2, 1, 0]
