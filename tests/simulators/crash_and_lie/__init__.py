# A seeded run of the real withdrawal pipeline in a world that crashes and lies. Nothing here is a node.
