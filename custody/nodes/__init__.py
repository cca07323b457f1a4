"""JSON-RPC clients with time-outs and limits. They transport and never interpret."""
